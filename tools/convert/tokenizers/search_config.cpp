#include "tools/convert/tokenizers/search_config.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

constexpr uint32_t kMost = 1 << 20;  // beams and tokens

[[noreturn]] void fail(const char* key, const json& found, const std::string& expected) {
  throw std::runtime_error(std::string(key) + ": " + expected + " is expected, found " +
                           found.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// An id, or -1 where there is none; of a list, which some files have, the first.
int32_t id(const json& config, const char* key) {
  const json* value = &json_member(config, key);
  if (value->is_array() && !value->empty()) value = &value->front();
  if (value->is_null()) return -1;
  const bool is_whole = value->is_number_integer();
  if (!is_whole || value->get<int64_t>() > INT32_MAX) fail(key, *value, "a token's id");
  return static_cast<int32_t>(std::max<int64_t>(value->get<int64_t>(), -1));
}

int32_t id_in_either(const json& generation_config, const json& config, const char* key) {
  const int32_t found = id(generation_config, key);
  return found >= 0 ? found : id(config, key);
}

uint32_t count(const json& config, const char* key, uint32_t fallback) {
  const json& value = json_member(config, key);
  if (value.is_null()) return fallback;
  const bool fits = value.is_number_integer() && value.get<int64_t>() >= 0;
  if (!fits) fail(key, value, "a number that is not negative");
  return static_cast<uint32_t>(std::min<int64_t>(value.get<int64_t>(), kMost));
}

/// Tokens after the decoder's start, of a length that counts it.
uint32_t tokens(const json& config, const char* new_tokens, const char* length) {
  const uint32_t given = count(config, new_tokens, 0);
  const uint32_t with_start = count(config, length, 0);
  if (given != 0 || with_start == 0) return given;
  return with_start - 1;
}

Stopping stopping(const json& config) {
  constexpr const char* kKey = "early_stopping";
  const json& value = json_member(config, kKey);
  if (value.is_null()) return Stopping::likely;
  if (value.is_boolean()) return value.get<bool>() ? Stopping::first : Stopping::likely;
  if (value != "never") fail(kKey, value, "true, false or 'never'");
  return Stopping::exact;
}

float penalty(const json& config) {
  constexpr const char* kKey = "length_penalty";
  const json& value = json_member(config, kKey);
  if (value.is_null()) return 1;
  if (!value.is_number()) fail(kKey, value, "a number");
  return value.get<float>();
}

void add(uint32_t id, std::vector<uint32_t>& ids) {
  if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

/// Ids of a list, whose items are ids or, of sequences, those that are one token long.
void add_listed(const json& config, const char* key, std::vector<uint32_t>& ids) {
  const json& list = json_member(config, key);
  if (list.is_null()) return;
  if (!list.is_array()) fail(key, list, "a list of token ids");
  for (const json& item : list) {
    if (item.is_array() && item.size() != 1) continue;
    const json& value = item.is_array() ? item.front() : item;
    const bool is_id =
        value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= INT32_MAX;
    if (!is_id) fail(key, list, "a list of token ids");
    add(value.get<uint32_t>(), ids);
  }
}

}  // namespace

SearchDefaults read_search_defaults(const json& generation_config, const json& config,
                                    const std::vector<uint32_t>& end_ids) {
  SearchDefaults defaults;
  defaults.start_id = id_in_either(generation_config, config, "decoder_start_token_id");
  if (defaults.start_id < 0 && json_member_or(config, "is_encoder_decoder", false)) {
    defaults.start_id = id_in_either(generation_config, config, "bos_token_id");
  }
  if (defaults.start_id < 0) return defaults;  // not an encoder-decoder
  defaults.forced_first_id = id(generation_config, "forced_bos_token_id");
  defaults.forced_last_id = id(generation_config, "forced_eos_token_id");
  const int32_t padding = id_in_either(generation_config, config, "pad_token_id");
  const bool may_end = std::ranges::find(end_ids, static_cast<uint32_t>(padding)) != end_ids.end();
  if (padding >= 0 && !may_end) add(static_cast<uint32_t>(padding), defaults.suppressed_ids);
  add_listed(generation_config, "bad_words_ids", defaults.suppressed_ids);
  add_listed(generation_config, "suppress_tokens", defaults.suppressed_ids);
  defaults.beams = std::max<uint32_t>(count(generation_config, "num_beams", 1), 1);
  defaults.length_penalty = penalty(generation_config);
  defaults.stopping = stopping(generation_config);
  defaults.max_tokens = tokens(generation_config, "max_new_tokens", "max_length");
  defaults.min_tokens = tokens(generation_config, "min_new_tokens", "min_length");
  defaults.no_repeat = count(generation_config, "no_repeat_ngram_size", 0);
  return defaults;
}

}  // namespace linnet::convert
