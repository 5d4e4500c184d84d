#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"

namespace linnet {

constexpr char32_t kReplacementCharacter = 0xFFFD;

enum class Utf8Form : uint8_t {
  whole,       ///< a character
  malformed,   ///< bytes that can't belong to a character, whatever follows
  unfinished,  ///< the text ends within what may become a character
};

/// What stands at one place of a text. A malformed or unfinished piece is the longest run of bytes
/// that begins a character ("maximal subpart" in the Unicode standard): what decoders in Python and
/// Rust replace by one U+FFFD.
struct Utf8Character {
  char32_t code_point;  ///< U+FFFD unless whole
  uint8_t size;         ///< in bytes, at least 1
  Utf8Form form;
};

/// The character at `position`, which must lie within `text`.
Utf8Character decode_utf8(std::string_view text, size_t position);

/// Where the first malformed or unfinished piece begins; text.size() when there is none.
size_t find_malformed_utf8(std::string_view text);

/// Adds a character's UTF-8; false when memory is not to be had.
[[nodiscard]] bool append_utf8(char32_t code_point, List<char>& out);

/// Adds `text` with U+FFFD for each malformed or unfinished piece; false when memory is not to be
/// had.
[[nodiscard]] bool append_repaired_utf8(std::string_view text, List<char>& out);

inline bool is_utf8_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

/// The start of the character that ends at `position`, which must be above `limit`.
inline size_t previous_character(std::string_view text, size_t position, size_t limit) {
  --position;
  while (position > limit && is_utf8_continuation(text[position])) --position;
  return position;
}

}  // namespace linnet
