#include "runtime/text/sorted_tokens.h"

#include <algorithm>

namespace linnet {

void SortedTokens::open(const TokenizerData& data, std::span<const uint32_t> ids) {
  data_ = &data;
  ids_ = ids;
  size_t index = 0;
  while (index < ids_.size() && bytes(index).empty()) ++index;
  for (unsigned byte = 0; byte < 256; ++byte) {
    starts_[byte] = static_cast<uint32_t>(index);
    const auto begins_here = [&](size_t i) { return static_cast<uint8_t>(bytes(i)[0]) == byte; };
    while (index < ids_.size() && !bytes(index).empty() && begins_here(index)) ++index;
  }
  starts_[256] = static_cast<uint32_t>(index);
}

size_t SortedTokens::find(std::string_view wanted) const {
  if (wanted.empty()) return kNone;
  const auto first = static_cast<uint8_t>(wanted[0]);
  const uint32_t* end = ids_.data() + starts_[first + 1];
  const uint32_t* found =
      std::lower_bound(ids_.data() + starts_[first], end, wanted,
                       [&](uint32_t id, std::string_view b) { return data_->bytes_of(id) < b; });
  if (found == end || data_->bytes_of(*found) != wanted) return kNone;
  return static_cast<size_t>(found - ids_.data());
}

size_t SortedTokens::find_longest(std::string_view text) const {
  if (text.empty()) return kNone;
  const auto first = static_cast<uint8_t>(text[0]);
  // The tokens that share their first `depth` bytes with the text are [low, high).
  size_t low = starts_[first];
  size_t high = starts_[first + 1];
  size_t longest = kNone;
  for (size_t depth = 1; low < high; ++depth) {
    if (bytes(low).size() == depth) longest = low++;  // sorted first among them
    if (depth == text.size()) break;
    const auto byte = static_cast<uint8_t>(text[depth]);
    const auto byte_at = [&](uint32_t id) {
      const std::string_view token = data_->bytes_of(id);
      return token.size() > depth ? static_cast<uint8_t>(token[depth]) : 0;
    };
    const uint32_t* ids = ids_.data();
    const uint32_t* from = std::lower_bound(
        ids + low, ids + high, byte, [&](uint32_t id, uint8_t b) { return byte_at(id) < b; });
    const uint32_t* to = std::upper_bound(from, ids + high, byte,
                                          [&](uint8_t b, uint32_t id) { return b < byte_at(id); });
    low = static_cast<size_t>(from - ids);
    high = static_cast<size_t>(to - ids);
  }
  return longest;
}

}  // namespace linnet
