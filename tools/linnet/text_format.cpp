#include "tools/linnet/text_format.h"

#include <array>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace linnet::cli {

std::string text(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  std::string result(static_cast<size_t>(std::vsnprintf(nullptr, 0, format, arguments)), '\0');
  va_end(arguments);
  std::vsnprintf(result.data(), result.size() + 1, format, again);
  va_end(again);
  return result;
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return text("%u B", static_cast<unsigned>(bytes));
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return text(value < 10 ? "%.2f %s" : "%.1f %s", value, units[unit]);
}

std::string format_count(uint64_t count) {
  if (count < 10'000) return std::to_string(count);
  const double value = static_cast<double>(count);
  if (value < 1e6) return text("%.1f k", value / 1e3);
  if (value < 1e9) return text("%.2f M", value / 1e6);
  return text("%.2f G", value / 1e9);
}

namespace {

std::vector<int32_t> parse_json_ids(std::string_view input) {
  const auto parsed = nlohmann::json::parse(input, nullptr, false);
  const auto list = parsed.is_object() && parsed.contains("ids") ? parsed["ids"] : parsed;
  if (!list.is_array()) {
    throw std::runtime_error("the JSON is neither a list of ids nor {\"ids\": [...]}");
  }
  std::vector<int32_t> ids;
  for (const auto& id : list) {
    const int64_t value = id.is_number_integer() ? id.get<int64_t>() : -1;
    if (value < 0 || value > INT32_MAX) {
      throw std::runtime_error("\"" + id.dump() + "\" is not a token id");
    }
    ids.push_back(static_cast<int32_t>(value));
  }
  return ids;
}

}  // namespace

std::vector<int32_t> parse_ids(std::string_view input) {
  constexpr std::string_view separators = " ,\t\r\n";
  size_t begin = input.find_first_not_of(separators);
  if (begin != std::string_view::npos && (input[begin] == '{' || input[begin] == '[')) {
    return parse_json_ids(input);
  }
  std::vector<int32_t> ids;
  while (begin != std::string_view::npos) {
    const size_t end = std::min(input.find_first_of(separators, begin), input.size());
    const std::string_view word = input.substr(begin, end - begin);
    int32_t id = -1;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || id < 0) {
      throw std::runtime_error("\"" + std::string(word.substr(0, 40)) + "\" is not a token id");
    }
    ids.push_back(id);
    begin = input.find_first_not_of(separators, end);
  }
  return ids;
}

}  // namespace linnet::cli
