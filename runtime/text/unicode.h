#pragma once

#include <cstdint>

namespace linnet {

/// A set of Unicode general categories, a bit each, numbered as utf8proc numbers them.
using CategoryMask = uint32_t;

constexpr CategoryMask kAllCategories = (CategoryMask{1} << 30) - 1;

/// The general category of a code point, as a mask with one bit.
CategoryMask category_of(char32_t code_point);

/// The categories that a name such as "L", "Lu" or "Letter" stands for; 0 for an unknown name.
/// Case, spaces, '-' and '_' are passed over, as in \p{...}.
CategoryMask categories_named(const char* name, unsigned size);

/// The White_Space property: \s.
bool is_white_space(char32_t code_point);

/// \w: letters, marks, decimal and letter numbers, connectors and circled letters.
bool is_word_character(char32_t code_point);

/// General categories M, Mn and C (but for code points without a character).
bool is_mark(char32_t code_point);
bool is_nonspacing_mark(char32_t code_point);
bool is_control_or_private(char32_t code_point);

/// Where extended grapheme clusters end (Unicode Standard Annex 29).
class GraphemeBreak {
 public:
  /// True when a cluster ends before this character, the next one; never before the first.
  bool before(char32_t code_point);

 private:
  int32_t previous_ = -1;
  int32_t state_ = 0;
};

/// Simple case mappings: one code point for one.
char32_t lower_case(char32_t code_point);
char32_t upper_case(char32_t code_point);

/// Equal for two code points exactly if they differ in case alone (so U+017F folds as s does).
inline char32_t fold_case(char32_t code_point) { return lower_case(upper_case(code_point)); }

}  // namespace linnet
