#include "tools/convert/tokenizers/generation_config.h"

#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "tools/convert/formats/json_file.h"
#include "tools/convert/tokenizers/json_member.h"
#include "tools/convert/tokenizers/search_config.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

constexpr uint64_t kMostFileBytes = uint64_t{1} << 24;

void add_end_id(const json& id, std::vector<uint32_t>& out) {
  if (!id.is_number_integer()) throw std::runtime_error("eos_token_id: a number is expected");
  const auto value = id.get<int64_t>();
  if (value < 0) return;  // some files write -1 for none
  if (value > INT32_MAX) throw std::runtime_error("eos_token_id: " + id.dump() + " is too large");
  out.push_back(static_cast<uint32_t>(value));
}

// A number or a list of them; empty where there is none.
std::vector<uint32_t> end_ids(const json& config) {
  const json& value = json_member(config, "eos_token_id");
  std::vector<uint32_t> ids;
  if (value.is_array()) {
    for (const json& id : value) add_end_id(id, ids);
  } else if (!value.is_null()) {
    add_end_id(value, ids);
  }
  return ids;
}

float number(const json& config, const char* key, float otherwise, float least) {
  const auto value = json_member_or(config, key, otherwise);
  if (!std::isfinite(value) || value < least) {
    throw std::runtime_error(std::string(key) + ": " + json_member(config, key).dump() +
                             " is out of range");
  }
  return value;
}

void read_sampling(const json& config, GenerationDefaults& out) {
  out.repetition_penalty = number(config, "repetition_penalty", 1, 1e-6f);
  if (!json_member_or(config, "do_sample", false)) return;
  out.temperature = number(config, "temperature", 1, 0);
  out.top_k = static_cast<uint32_t>(std::fmin(number(config, "top_k", 50, 0), 1e9f));
  out.top_p = number(config, "top_p", 1, 0);
  out.min_p = number(config, "min_p", 0, 0);
}

template <typename Read>
void in_file(const char* name, Read read) {
  try {
    read();
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string(name) + ": " + error.what());
  }
}

GenerationDefaults read_defaults(const json& generation_config, const json& config) {
  GenerationDefaults defaults;
  in_file("generation_config.json", [&] {
    defaults.end_ids = end_ids(generation_config);
    read_sampling(generation_config, defaults);
  });
  in_file("config.json", [&] {
    if (defaults.end_ids.empty()) defaults.end_ids = end_ids(config);
    if (defaults.end_ids.empty()) defaults.end_ids = end_ids(json_member(config, "text_config"));
  });
  // Older checkpoints have one file for both.
  const bool is_separate = generation_config.is_object();
  in_file(is_separate ? "generation_config.json" : "config.json", [&] {
    defaults.search =
        read_search_defaults(is_separate ? generation_config : config, config, defaults.end_ids);
  });
  return defaults;
}

}  // namespace

GenerationDefaults parse_generation_defaults(std::string_view generation_config,
                                             std::string_view config) {
  const auto parse = [](std::string_view text, const char* name) {
    return text.empty() ? json() : parse_json(text, name);
  };
  return read_defaults(parse(generation_config, "generation_config.json"),
                       parse(config, "config.json"));
}

GenerationDefaults read_generation_defaults(const std::string& folder) {
  const auto read = [&](const char* name) {
    const auto path = std::filesystem::path(folder) / name;
    return std::filesystem::exists(path) ? read_json(path.string(), kMostFileBytes) : json();
  };
  try {
    return read_defaults(read("generation_config.json"), read("config.json"));
  } catch (const std::exception& error) {
    throw std::runtime_error(folder + ": " + error.what());
  }
}

}  // namespace linnet::convert
