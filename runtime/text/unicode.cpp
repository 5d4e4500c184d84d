#include "runtime/text/unicode.h"

#include <utf8proc.h>

#include <string_view>

namespace linnet {
namespace {

constexpr CategoryMask bit(int category) { return CategoryMask{1} << category; }

struct NamedCategories {
  std::string_view name;  // lower case
  CategoryMask mask;
};

constexpr CategoryMask kLetter = bit(UTF8PROC_CATEGORY_LU) | bit(UTF8PROC_CATEGORY_LL) |
                                 bit(UTF8PROC_CATEGORY_LT) | bit(UTF8PROC_CATEGORY_LM) |
                                 bit(UTF8PROC_CATEGORY_LO);
constexpr CategoryMask kMark =
    bit(UTF8PROC_CATEGORY_MN) | bit(UTF8PROC_CATEGORY_MC) | bit(UTF8PROC_CATEGORY_ME);
constexpr CategoryMask kNumber =
    bit(UTF8PROC_CATEGORY_ND) | bit(UTF8PROC_CATEGORY_NL) | bit(UTF8PROC_CATEGORY_NO);
constexpr CategoryMask kPunctuation = bit(UTF8PROC_CATEGORY_PC) | bit(UTF8PROC_CATEGORY_PD) |
                                      bit(UTF8PROC_CATEGORY_PS) | bit(UTF8PROC_CATEGORY_PE) |
                                      bit(UTF8PROC_CATEGORY_PI) | bit(UTF8PROC_CATEGORY_PF) |
                                      bit(UTF8PROC_CATEGORY_PO);
constexpr CategoryMask kSymbol = bit(UTF8PROC_CATEGORY_SM) | bit(UTF8PROC_CATEGORY_SC) |
                                 bit(UTF8PROC_CATEGORY_SK) | bit(UTF8PROC_CATEGORY_SO);
constexpr CategoryMask kSeparator =
    bit(UTF8PROC_CATEGORY_ZS) | bit(UTF8PROC_CATEGORY_ZL) | bit(UTF8PROC_CATEGORY_ZP);
constexpr CategoryMask kOther = bit(UTF8PROC_CATEGORY_CC) | bit(UTF8PROC_CATEGORY_CF) |
                                bit(UTF8PROC_CATEGORY_CS) | bit(UTF8PROC_CATEGORY_CO) |
                                bit(UTF8PROC_CATEGORY_CN);

constexpr NamedCategories kNames[] = {
    {"l", kLetter},
    {"letter", kLetter},
    {"m", kMark},
    {"mark", kMark},
    {"n", kNumber},
    {"number", kNumber},
    {"p", kPunctuation},
    {"punctuation", kPunctuation},
    {"punct", kPunctuation},
    {"s", kSymbol},
    {"symbol", kSymbol},
    {"z", kSeparator},
    {"separator", kSeparator},
    {"c", kOther},
    {"other", kOther},
    {"any", kAllCategories},
    {"lc", bit(UTF8PROC_CATEGORY_LU) | bit(UTF8PROC_CATEGORY_LL) | bit(UTF8PROC_CATEGORY_LT)},
    {"lu", bit(UTF8PROC_CATEGORY_LU)},
    {"ll", bit(UTF8PROC_CATEGORY_LL)},
    {"lt", bit(UTF8PROC_CATEGORY_LT)},
    {"lm", bit(UTF8PROC_CATEGORY_LM)},
    {"lo", bit(UTF8PROC_CATEGORY_LO)},
    {"mn", bit(UTF8PROC_CATEGORY_MN)},
    {"mc", bit(UTF8PROC_CATEGORY_MC)},
    {"me", bit(UTF8PROC_CATEGORY_ME)},
    {"nd", bit(UTF8PROC_CATEGORY_ND)},
    {"nl", bit(UTF8PROC_CATEGORY_NL)},
    {"no", bit(UTF8PROC_CATEGORY_NO)},
    {"pc", bit(UTF8PROC_CATEGORY_PC)},
    {"pd", bit(UTF8PROC_CATEGORY_PD)},
    {"ps", bit(UTF8PROC_CATEGORY_PS)},
    {"pe", bit(UTF8PROC_CATEGORY_PE)},
    {"pi", bit(UTF8PROC_CATEGORY_PI)},
    {"pf", bit(UTF8PROC_CATEGORY_PF)},
    {"po", bit(UTF8PROC_CATEGORY_PO)},
    {"sm", bit(UTF8PROC_CATEGORY_SM)},
    {"sc", bit(UTF8PROC_CATEGORY_SC)},
    {"sk", bit(UTF8PROC_CATEGORY_SK)},
    {"so", bit(UTF8PROC_CATEGORY_SO)},
    {"zs", bit(UTF8PROC_CATEGORY_ZS)},
    {"zl", bit(UTF8PROC_CATEGORY_ZL)},
    {"zp", bit(UTF8PROC_CATEGORY_ZP)},
    {"cc", bit(UTF8PROC_CATEGORY_CC)},
    {"cf", bit(UTF8PROC_CATEGORY_CF)},
    {"cs", bit(UTF8PROC_CATEGORY_CS)},
    {"co", bit(UTF8PROC_CATEGORY_CO)},
    {"cn", bit(UTF8PROC_CATEGORY_CN)},
};

bool is_passed_over(char c) { return c == ' ' || c == '_' || c == '-'; }

bool names_match(std::string_view given, std::string_view lower) {
  size_t matched = 0;
  for (const char c : given) {
    if (is_passed_over(c)) continue;
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (matched == lower.size() || small != lower[matched]) return false;
    ++matched;
  }
  return matched == lower.size();
}

utf8proc_int32_t signed_of(char32_t code_point) {
  return static_cast<utf8proc_int32_t>(code_point);
}

}  // namespace

CategoryMask category_of(char32_t code_point) {
  return bit(utf8proc_category(signed_of(code_point)));
}

CategoryMask categories_named(const char* name, unsigned size) {
  for (const NamedCategories& named : kNames) {
    if (names_match({name, size}, named.name)) return named.mask;
  }
  return 0;
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word_character(char32_t c) {
  constexpr CategoryMask kWord = kLetter | kMark | bit(UTF8PROC_CATEGORY_ND) |
                                 bit(UTF8PROC_CATEGORY_NL) | bit(UTF8PROC_CATEGORY_PC);
  const bool circled_letter = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                              (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  return circled_letter || (category_of(c) & kWord) != 0;
}

bool is_mark(char32_t c) { return (category_of(c) & kMark) != 0; }

bool is_nonspacing_mark(char32_t c) { return category_of(c) == bit(UTF8PROC_CATEGORY_MN); }

bool is_control_or_private(char32_t c) {
  return (category_of(c) & kOther & ~bit(UTF8PROC_CATEGORY_CN)) != 0;
}

bool GraphemeBreak::before(char32_t code_point) {
  const int32_t previous = previous_;
  previous_ = signed_of(code_point);
  return previous >= 0 && utf8proc_grapheme_break_stateful(previous, previous_, &state_);
}

char32_t lower_case(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_tolower(signed_of(code_point)));
}

char32_t upper_case(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_toupper(signed_of(code_point)));
}

}  // namespace linnet
