#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

/// Adds the ids of a text of which the longest token that matches is taken, again and again: the
/// RWKV World tokenizer. Bytes that no token begins with are passed over. False when memory is not
/// to be had.
[[nodiscard]] bool encode_longest(const SortedTokens& tokens, std::string_view text,
                                  List<int32_t>& ids);

}  // namespace linnet
