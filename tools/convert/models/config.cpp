#include "tools/convert/models/config.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace linnet::convert {
namespace {

/// Far above every model, and low enough that a config can't ask for absurd amounts of memory.
constexpr int64_t kLargestSize = 1 << 24;
constexpr const char* kSizeExpected = "a whole number from 1 to 16777216";

bool is_size(const nlohmann::json& value) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > kLargestSize) return false;
  return value.get<int64_t>() > 0 && value.get<int64_t>() <= kLargestSize;
}

/// A number, or transformers' spelling of one that JSON has no word for.
std::optional<double> number_of(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_object() || value.size() != 1) return {};
  const auto spelled = value.find("__float__");
  if (spelled == value.end() || !spelled->is_string()) return {};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (*spelled == "Infinity") return kInfinity;
  if (*spelled == "-Infinity") return -kInfinity;
  return {};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace

Config::Config(const nlohmann::json& object, std::string where)
    : object_(std::make_shared<const nlohmann::json>(object)), where_(std::move(where)) {
  if (!object_->is_object()) throw std::runtime_error(where_ + ": should be a JSON object");
}

const nlohmann::json* Config::find(const std::string& key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool Config::is_list(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return value != nullptr && value->is_array();
}

bool Config::is_text(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return value != nullptr && value->is_string();
}

bool Config::is_null(const std::string& key) const {
  const auto found = object_->find(key);
  return found != object_->end() && found->is_null();
}

const nlohmann::json& Config::get(const std::string& key, const std::string& expected) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) fail(key, expected);
  return *value;
}

void Config::fail(const std::string& key, const std::string& expected) const {
  const nlohmann::json* value = find(key);
  std::string found = value == nullptr
                          ? "nothing"
                          : value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (found.size() > 60) found = found.substr(0, 60) + "…";
  throw std::runtime_error(where_ + ": '" + key + "' should be " + expected + ", found " + found);
}

int32_t Config::product(const std::string& a, int32_t a_value, const std::string& b,
                        int32_t b_value) const {
  const int64_t product = int64_t{a_value} * b_value;
  if (product > kLargestSize) {
    throw std::runtime_error(where_ + ": '" + a + "' times '" + b + "' is " +
                             std::to_string(product) + ", which is out of range");
  }
  return static_cast<int32_t>(product);
}

int32_t Config::size(const std::string& key, std::optional<int32_t> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const nlohmann::json& value = get(key, kSizeExpected);
  if (!is_size(value)) fail(key, kSizeExpected);
  return value.get<int32_t>();
}

double Config::number(const std::string& key, std::optional<double> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const nlohmann::json& value = get(key, "a number");
  if (!value.is_number()) fail(key, "a number");
  return value.get<double>();
}

bool Config::flag(const std::string& key, bool fallback) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

std::string Config::text(const std::string& key, const std::string& fallback) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) fail(key, "a string");
  return value->get<std::string>();
}

std::vector<std::string> Config::texts(const std::string& key) const {
  std::vector<std::string> values;
  const nlohmann::json& list = get(key, "a list of strings");
  if (!list.is_array()) fail(key, "a list of strings");
  for (const nlohmann::json& value : list) {
    if (!value.is_string()) fail(key, "a list of strings");
    values.push_back(value.get<std::string>());
  }
  return values;
}

std::vector<std::string> Config::repeated_texts(const std::string& key, size_t most) const {
  const std::string expected =
      "a list of [[\"name\", …], times], for at most " + std::to_string(most) + " names";
  std::vector<std::string> values;
  const nlohmann::json& list = get(key, expected);
  if (!list.is_array()) fail(key, expected);
  for (const nlohmann::json& item : list) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_array() || !is_size(item[1])) {
      fail(key, expected);
    }
    for (int32_t times = item[1].get<int32_t>(); times > 0; --times) {
      for (const nlohmann::json& name : item[0]) {
        if (!name.is_string() || values.size() == most) fail(key, expected);
        values.push_back(name.get<std::string>());
      }
      if (item[0].empty()) fail(key, expected);
    }
  }
  return values;
}

std::vector<int32_t> Config::sizes(const std::string& key) const {
  std::vector<int32_t> values;
  const nlohmann::json& list = get(key, "a list of sizes");
  if (!list.is_array()) fail(key, "a list of sizes");
  for (const nlohmann::json& value : list) {
    if (!is_size(value)) fail(key, "a list of sizes");
    values.push_back(value.get<int32_t>());
  }
  return values;
}

std::vector<int32_t> Config::indices(const std::string& key, int32_t end) const {
  const std::string expected = "a list of whole numbers from 0 to " + std::to_string(end - 1);
  std::vector<int32_t> values;
  const nlohmann::json& list = get(key, expected);
  if (!list.is_array()) fail(key, expected);
  for (const nlohmann::json& value : list) {
    const bool is_zero = value.is_number_integer() && value == 0;
    if (!is_zero && (!is_size(value) || value.get<int32_t>() >= end)) fail(key, expected);
    values.push_back(value.get<int32_t>());
  }
  return values;
}

std::vector<double> Config::numbers(const std::string& key) const {
  std::vector<double> values;
  const nlohmann::json& list = get(key, "a list of numbers");
  if (!list.is_array()) fail(key, "a list of numbers");
  for (const nlohmann::json& value : list) {
    const std::optional<double> number = number_of(value);
    if (!number) fail(key, "a list of numbers");
    values.push_back(*number);
  }
  return values;
}

std::vector<Config> Config::objects(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {object(key)};
  std::vector<Config> list;
  for (const nlohmann::json& item : *value) list.emplace_back(item, where_ + ": " + key);
  return list;
}

std::vector<double> Config::numbers(const std::string& key,
                                    const std::vector<double>& fallback) const {
  if (!has(key)) return fallback;
  std::vector<double> values = numbers(key);
  if (values.size() != fallback.size()) {
    fail(key, "a list of " + std::to_string(fallback.size()) + " numbers");
  }
  return values;
}

Config Config::object(const std::string& key) const {
  const nlohmann::json* value = find(key);
  return {value == nullptr ? nlohmann::json::object() : *value, where_ + ": " + key};
}

std::map<std::string, std::string> Config::dictionary(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_object()) fail(key, "an object of strings");
  std::map<std::string, std::string> entries;
  for (const auto& [name, entry] : value->items()) {
    if (!entry.is_string() && !entry.is_number_integer()) fail(key, "an object of strings");
    entries[name] = entry.is_string() ? entry.get<std::string>() : entry.dump();
  }
  return entries;
}

void Config::require_one_of(const std::string& key,
                            const std::vector<std::string>& accepted) const {
  const std::string value = text(key, accepted.front());
  if (std::find(accepted.begin(), accepted.end(), value) == accepted.end()) {
    fail(key, (accepted.size() == 1 ? "" : "one of ") + joined(accepted));
  }
}

}  // namespace linnet::convert
