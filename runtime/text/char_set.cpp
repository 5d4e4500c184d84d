#include "runtime/text/char_set.h"

namespace linnet {

void CharSet::seal(std::span<const CharRange> ranges) {
  for (uint32_t c = 0; c < 256; ++c) {
    const uint64_t bit = uint64_t{1} << (c & 63);
    low[c >> 6] = compute(c, ranges) ? low[c >> 6] | bit : low[c >> 6] & ~bit;
  }
}

bool CharSet::compute(char32_t c, std::span<const CharRange> ranges) const {
  bool found = has(c, ranges);
  if (folded && !found) {
    found = has(lower_case(c), ranges) || has(upper_case(c), ranges) || has(fold_case(c), ranges);
  }
  return found != negated;
}

bool CharSet::has(char32_t c, std::span<const CharRange> ranges) const {
  if (categories != 0 && (categories & category_of(c)) != 0) return true;
  for (const CharRange& range : ranges.subspan(first_range, range_count)) {
    if (c >= range.first && c <= range.last) return true;
  }
  if ((white_space || not_white_space) && (is_white_space(c) ? white_space : not_white_space)) {
    return true;
  }
  return (word || not_word) && (is_word_character(c) ? word : not_word);
}

}  // namespace linnet
