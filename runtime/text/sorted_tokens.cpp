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
  size_t longest = kNone;
  TokenPrefixes prefixes(*this, text);
  while (prefixes.next(longest)) continue;
  return longest;
}

TokenPrefixes::TokenPrefixes(const SortedTokens& tokens, std::string_view text)
    : tokens_(tokens), text_(text) {
  if (text.empty()) return;
  const auto first = static_cast<uint8_t>(text[0]);
  depth_ = 1;
  low_ = tokens.starts_[first];
  high_ = tokens.starts_[first + 1];
}

bool TokenPrefixes::next(size_t& index) {
  while (low_ < high_) {
    if (tokens_.bytes(low_).size() == depth_) {  // sorted first among them
      index = low_++;
      return true;
    }
    if (depth_ == text_.size()) break;
    const size_t depth = depth_++;
    const auto byte = static_cast<uint8_t>(text_[depth]);
    const auto byte_at = [&](uint32_t id) {
      const std::string_view token = tokens_.data_->bytes_of(id);
      return token.size() > depth ? static_cast<uint8_t>(token[depth]) : 0;
    };
    const uint32_t* ids = tokens_.ids_.data();
    const uint32_t* from = std::lower_bound(
        ids + low_, ids + high_, byte, [&](uint32_t id, uint8_t b) { return byte_at(id) < b; });
    const uint32_t* to = std::upper_bound(from, ids + high_, byte,
                                          [&](uint8_t b, uint32_t id) { return b < byte_at(id); });
    low_ = static_cast<size_t>(from - ids);
    high_ = static_cast<size_t>(to - ids);
  }
  return false;
}

void ByteTokens::open(const SortedTokens& tokens) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char name[] = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    const size_t index = tokens.find({name, sizeof name});
    ids_[byte] = index == SortedTokens::kNone ? -1 : static_cast<int32_t>(tokens.id(index));
  }
}

bool ByteTokens::has_all(std::string_view text) const {
  return std::all_of(text.begin(), text.end(), [&](char byte) { return id(byte) >= 0; });
}

bool ByteTokens::append(std::string_view text, List<int32_t>& ids) const {
  for (const char byte : text) {
    if (!ids.push(id(byte))) return false;
  }
  return true;
}

}  // namespace linnet
