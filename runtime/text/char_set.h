#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/list.h"
#include "runtime/text/unicode.h"

namespace linnet {

struct CharRange {
  char32_t first;
  char32_t last;
};

/// A set of characters as a regular expression's [...] or \p{...} describes it: the union of its
/// parts, or of everything else. Ranges lie in a list that the sets of one pattern share. Seal it
/// after filling it in: the answers for the first 256 characters are then looked up, not computed.
struct CharSet {
  CategoryMask categories = 0;
  uint32_t first_range = 0;
  uint32_t range_count = 0;
  bool white_space = false;
  bool not_white_space = false;
  bool word = false;
  bool not_word = false;
  bool folded = false;  ///< upper and lower case are the same
  bool negated = false;
  uint64_t low[4] = {};  ///< a bit per character below U+0100, negation included

  void seal(std::span<const CharRange> ranges);

  bool contains_low(uint8_t c) const { return (low[c >> 6] >> (c & 63) & 1) != 0; }

  bool contains(char32_t c, std::span<const CharRange> ranges) const {
    return c < 256 ? contains_low(static_cast<uint8_t>(c)) : compute(c, ranges);
  }

 private:
  bool compute(char32_t c, std::span<const CharRange> ranges) const;
  bool has(char32_t c, std::span<const CharRange> ranges) const;
};

}  // namespace linnet
