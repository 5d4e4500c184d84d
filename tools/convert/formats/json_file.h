#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace linnet::convert {

/// The deepest nesting of arrays and objects that a JSON text may have.
inline constexpr size_t kMaxJsonDepth = 256;

/// Parses `text`; throws std::runtime_error naming `where` (a file) and the position of a fault.
/// Accepts what Python's json module writes, that is also bare NaN, Infinity and -Infinity, as
/// numbers. An object that has a key twice is refused.
nlohmann::json parse_json(std::string_view text, const std::string& where);

/// Parses the file at `path`, which must not be larger than `max_bytes`.
nlohmann::json read_json(const std::string& path, uint64_t max_bytes);

}  // namespace linnet::convert
