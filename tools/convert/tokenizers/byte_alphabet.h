#pragma once

#include <string>
#include <string_view>

namespace linnet::convert {

/// Byte-level tokenizers write each byte of a token as one visible character (GPT-2's table: a
/// space is Ġ). Gets the bytes back; false, and `bytes` empty, when `token` has other characters.
bool decode_byte_alphabet(std::string_view token, std::string& bytes);

}  // namespace linnet::convert
