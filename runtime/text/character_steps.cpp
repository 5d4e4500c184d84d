#include "runtime/text/character_steps.h"

#include "runtime/text/unicode.h"
#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130;
constexpr char32_t kDotAbove = 0x307;

/// Calls add(code point, bytes) for every character until it fails.
template <typename Add>
bool for_each_character(std::string_view text, Add add) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = decode_utf8(text, at);
    if (!add(character.code_point, text.substr(at, character.size))) return false;
    at += character.size;
  }
  return true;
}

/// Adds the characters that `keep` is true for.
template <typename Keep>
bool append_kept(std::string_view text, Keep keep, List<char>& out) {
  return for_each_character(text, [&](char32_t c, std::string_view bytes) {
    return !keep(c) || out.append(bytes.data(), bytes.size());
  });
}

// As BERT's tokenizer has them: blocks of CJK ideographs, without those of Unicode 10 and later
// (and with Hugging Face's beginning of extension E).
bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_nmt_space(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

}  // namespace

bool append_lower_case(std::string_view text, List<char>& out) {
  return for_each_character(text, [&](char32_t c, std::string_view) {
    // The one character whose lower case is two.
    if (c == kCapitalIWithDot) return out.push('i') && append_utf8(kDotAbove, out);
    return append_utf8(lower_case(c), out);
  });
}

bool append_without_marks(std::string_view text, List<char>& out) {
  return append_kept(
      text, [](char32_t c) { return !is_mark(c); }, out);
}

bool append_without_nonspacing_marks(std::string_view text, List<char>& out) {
  return append_kept(
      text, [](char32_t c) { return !is_nonspacing_mark(c); }, out);
}

bool is_dropped_by_bert_clean(char32_t c) {
  const bool breaks = c == '\t' || c == '\n' || c == '\r';
  return !breaks && (c == kReplacementCharacter || is_control_or_private(c));
}

bool append_bert_clean(std::string_view text, List<char>& out) {
  return for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (is_dropped_by_bert_clean(c)) return true;
    return is_white_space(c) ? out.push(' ') : out.append(bytes.data(), bytes.size());
  });
}

bool append_with_ideographs_apart(std::string_view text, List<char>& out) {
  return for_each_character(text, [&](char32_t c, std::string_view bytes) {
    const bool apart = is_ideograph(c);
    return (!apart || out.push(' ')) && out.append(bytes.data(), bytes.size()) &&
           (!apart || out.push(' '));
  });
}

bool is_dropped_by_nmt(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool append_nmt(std::string_view text, List<char>& out) {
  return for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (is_dropped_by_nmt(c)) return true;
    return is_nmt_space(c) ? out.push(' ') : out.append(bytes.data(), bytes.size());
  });
}

bool append_replaced(std::string_view text, std::string_view pattern, std::string_view content,
                     List<char>& out) {
  while (!text.empty()) {
    const size_t found = pattern.empty() ? std::string_view::npos : text.find(pattern);
    if (found == std::string_view::npos) return out.append(text.data(), text.size());
    if (!out.append(text.data(), found) || !out.append(content.data(), content.size())) {
      return false;
    }
    text.remove_prefix(found + pattern.size());
  }
  return true;
}

}  // namespace linnet
