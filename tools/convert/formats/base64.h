#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace linnet::convert {

/// The bytes that RFC 4648's base64 text stands for; padding may be left out. Throws
/// std::runtime_error at a character that doesn't belong.
std::vector<uint8_t> decode_base64(std::string_view text);

}  // namespace linnet::convert
