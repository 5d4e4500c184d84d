#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::cli {

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

/// A size for people: "16.3 MiB"; below 1 KiB "812 B".
std::string format_bytes(uint64_t bytes);

/// A number for people: "4.19 M"; below 10,000 as it is.
std::string format_count(uint64_t count);

/// The token ids in a text: separated by blanks or commas, or the JSON array [1, 2] or object
/// {"ids": [1, 2]}. Throws std::runtime_error that names what is not an id.
std::vector<int32_t> parse_ids(std::string_view input);

}  // namespace linnet::cli
