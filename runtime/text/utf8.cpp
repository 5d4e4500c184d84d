#include "runtime/text/utf8.h"

namespace linnet {
namespace {

struct Lead {
  uint8_t size;         // of the whole character; 0: not a first byte
  uint8_t bits;         // of the code point that the first byte holds
  uint8_t second_low;   // the second byte's range: it excludes overlong forms, surrogates and
  uint8_t second_high;  // what lies above U+10FFFF
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, byte, 0, 0};
  if (byte < 0xC2) return {0, 0, 0, 0};
  if (byte < 0xE0) return {2, static_cast<uint8_t>(byte & 0x1F), 0x80, 0xBF};
  if (byte < 0xF0) {
    const uint8_t low = byte == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = byte == 0xED ? 0x9F : 0xBF;
    return {3, static_cast<uint8_t>(byte & 0x0F), low, high};
  }
  if (byte < 0xF5) {
    const uint8_t low = byte == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = byte == 0xF4 ? 0x8F : 0xBF;
    return {4, static_cast<uint8_t>(byte & 0x07), low, high};
  }
  return {0, 0, 0, 0};
}

}  // namespace

Utf8Character decode_utf8(std::string_view text, size_t position) {
  const auto byte_at = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const Lead lead = lead_of(byte_at(0));
  if (lead.size == 0) return {kReplacementCharacter, 1, Utf8Form::malformed};
  char32_t code_point = lead.bits;
  for (uint8_t i = 1; i < lead.size; ++i) {
    if (position + i == text.size()) return {kReplacementCharacter, i, Utf8Form::unfinished};
    const uint8_t low = i == 1 ? lead.second_low : 0x80;
    const uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte_at(i) < low || byte_at(i) > high) {
      return {kReplacementCharacter, i, Utf8Form::malformed};
    }
    code_point = code_point << 6 | (byte_at(i) & 0x3F);
  }
  return {code_point, lead.size, Utf8Form::whole};
}

size_t find_malformed_utf8(std::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    if (static_cast<uint8_t>(text[position]) < 0x80) {
      ++position;
      continue;
    }
    const Utf8Character character = decode_utf8(text, position);
    if (character.form != Utf8Form::whole) return position;
    position += character.size;
  }
  return position;
}

bool append_utf8(char32_t code_point, List<char>& out) {
  const auto low_bits = [&](int shift) {
    return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) return out.push(static_cast<char>(code_point));
  if (code_point < 0x800) {
    const char bytes[] = {static_cast<char>(0xC0 | code_point >> 6), low_bits(0)};
    return out.append(bytes, sizeof bytes);
  }
  if (code_point < 0x10000) {
    const char bytes[] = {static_cast<char>(0xE0 | code_point >> 12), low_bits(6), low_bits(0)};
    return out.append(bytes, sizeof bytes);
  }
  const char bytes[] = {static_cast<char>(0xF0 | code_point >> 18), low_bits(12), low_bits(6),
                        low_bits(0)};
  return out.append(bytes, sizeof bytes);
}

bool append_repaired_utf8(std::string_view text, List<char>& out) {
  while (!text.empty()) {
    const size_t good = find_malformed_utf8(text);
    if (!out.append(text.data(), good)) return false;
    text.remove_prefix(good);
    if (text.empty()) break;
    if (!append_utf8(kReplacementCharacter, out)) return false;
    text.remove_prefix(decode_utf8(text, 0).size);
  }
  return true;
}

}  // namespace linnet
