#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

/// What an entry point can take.
struct EntryLimits {
  size_t token_ids = 0;    ///< ids are below this
  size_t token_types = 0;  ///< types are below this; 0: it takes none
  size_t positions = 0;    ///< tokens that a text may have; 0: any number

  Status check_tokens(std::span<const int32_t> tokens) const;
};

EntryLimits limits_of(const Graph& graph, const EntryPoint& entry);

/// How many tokens of a text have a position, encoding or decoding it; 0: any number.
size_t position_limit(const Graph& graph, const EntryPoint& entry);

}  // namespace linnet
