#pragma once

#include <linnet/linnet.h>

#include <cstdint>
#include <span>

#include "runtime/base/status.h"
#include "runtime/model/model.h"

namespace linnet {

/// The session that translates, and what its options say of it.
struct Translator {
  linnet_session* session = nullptr;
  size_t beams = 1;
  size_t most_tokens = 0;  ///< of a hypothesis, the decoder's start included; 0: any number
};

/// Encodes a source and searches for what the decoder makes of it; `ids` has room for max_tokens.
/// Allocates before the first token only. See linnet_translate_ids.
Status translate(const Translator& translator, const Model& model, std::span<const int32_t> source,
                 const linnet_translate_options& options, int32_t* ids, linnet_translated* out);

}  // namespace linnet
