#include "tools/convert/tokenizers/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "runtime/text/utf8.h"

namespace linnet::convert {
namespace {

constexpr size_t kAlphabetEnd = 0x144;  // one above the last character used
constexpr int kNoByte = -1;

bool is_written_as_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// The byte that each character means. Bytes that aren't visible are numbered from U+0100 on.
std::array<int, kAlphabetEnd> make_alphabet() {
  std::array<int, kAlphabetEnd> alphabet;
  alphabet.fill(kNoByte);
  size_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet[is_written_as_itself(byte) ? static_cast<size_t>(byte) : next++] = byte;
  }
  return alphabet;
}

}  // namespace

bool decode_byte_alphabet(std::string_view token, std::string& bytes) {
  static const std::array<int, kAlphabetEnd> alphabet = make_alphabet();
  bytes.clear();
  for (size_t i = 0; i < token.size();) {
    const Utf8Character character = decode_utf8(token, i);
    const bool known =
        character.code_point < kAlphabetEnd && alphabet[character.code_point] != kNoByte;
    if (!known) {
      bytes.clear();
      return false;
    }
    bytes += static_cast<char>(alphabet[character.code_point]);
    i += character.size;
  }
  return true;
}

}  // namespace linnet::convert
