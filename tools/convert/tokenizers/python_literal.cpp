#include "tools/convert/tokenizers/python_literal.h"

#include <cstdint>
#include <stdexcept>

namespace linnet::convert {
namespace {

void append_code_point(uint32_t c, std::string& out) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
    throw std::runtime_error("an escape is not a character");
  }
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

uint32_t take_hex(std::string_view& text, size_t digits) {
  if (text.size() < digits) throw std::runtime_error("an escape is cut short");
  uint32_t value = 0;
  for (const char c : text.substr(0, digits)) {
    const std::string_view alphabet = "0123456789abcdef";
    const size_t digit = alphabet.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos) throw std::runtime_error("an escape has a wrong digit");
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  text.remove_prefix(digits);
  return value;
}

// What follows a backslash.
void take_escape(std::string_view& text, bool is_bytes, std::string& out) {
  if (text.empty()) throw std::runtime_error("a backslash ends it");
  const char c = text[0];
  text.remove_prefix(1);
  constexpr std::string_view kLetters = "ntr\\'\"abfv0";
  constexpr std::string_view kMeanings("\n\t\r\\'\"\a\b\f\v\0", 11);
  if (const size_t i = kLetters.find(c); i != std::string_view::npos) {
    out += kMeanings[i];
  } else if (c == 'x' && is_bytes) {
    out += static_cast<char>(take_hex(text, 2));
  } else if (c == 'x') {
    append_code_point(take_hex(text, 2), out);
  } else if (!is_bytes && (c == 'u' || c == 'U')) {
    append_code_point(take_hex(text, c == 'u' ? 4 : 8), out);
  } else {
    throw std::runtime_error(std::string("the escape \\") + c + " is not known");
  }
}

}  // namespace

std::string parse_python_literal(std::string_view literal) {
  const bool is_bytes = literal.starts_with('b');
  if (is_bytes) literal.remove_prefix(1);
  const bool quoted = literal.size() >= 2 && (literal[0] == '\'' || literal[0] == '"') &&
                      literal.back() == literal[0];
  if (!quoted) throw std::runtime_error("it does not stand between quotes");
  const char quote = literal[0];
  std::string_view text = literal.substr(1, literal.size() - 2);
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == quote) throw std::runtime_error("a quote stands inside");
    if (c == '\\') {
      take_escape(text, is_bytes, out);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace linnet::convert
