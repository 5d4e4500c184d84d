#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/status.h"
#include "runtime/model/graph.h"
#include "runtime/model/packed_weights.h"

namespace linnet {

/// That what a file claims of its matrices is worth memory, before any is taken for them. A matrix
/// that is there packed only must have a packed one of at least as many bytes. And all together,
/// each of which may be packed beside the file, may not be many times larger than the file: weights
/// may share bytes of it, and a hostile one may have thousands of matrices in the place of one.
Status check_packing(const Graph& graph, std::span<const StoredSection> sections,
                     size_t file_bytes);

}  // namespace linnet
