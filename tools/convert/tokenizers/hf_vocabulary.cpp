#include <unordered_set>

#include "runtime/text/normalizer.h"
#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

// "a b" or ["a", "b"]
std::pair<std::string, std::string> read_pair(const json& merge) {
  if (merge.is_array()) {
    if (merge.size() != 2) throw std::runtime_error("model.merges: a merge has not two parts");
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  const auto& line = merge.get_ref<const std::string&>();
  const size_t space = line.find(' ');
  if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
    throw std::runtime_error("model.merges: '" + line + "' has not two parts");
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

uint32_t id_of(const std::string& token, const HfVocabulary& vocabulary) {
  const auto found = vocabulary.ids.find(token);
  if (found == vocabulary.ids.end()) {
    throw std::runtime_error("model.merges: '" + token + "' is not in model.vocab");
  }
  return found->second;
}

// What the normaliser makes of the text of an added token.
std::string in_normal_form(const std::string& text, const Normalizer& normalizer) {
  NormalizerScratch scratch;
  std::string_view normalized = text;
  bool at_start = true;
  if (normalizer.apply(scratch, normalized, at_start).failed()) throw std::bad_alloc();
  return std::string(normalized);
}

AddedToken read_added_token(const json& entry) {
  const bool special = json_member_or(entry, "special", false);
  return {.id = checked_token_id(entry.at("id")),
          .special = special,
          .left_strip = json_member_or(entry, "lstrip", false),
          .right_strip = json_member_or(entry, "rstrip", false),
          .single_word = json_member_or(entry, "single_word", false),
          .normalized = json_member_or(entry, "normalized", !special)};
}

}  // namespace

void HfVocabulary::set_bytes(uint32_t id, const std::string& token_bytes) {
  if (bytes.size() <= id) bytes.resize(size_t{id} + 1);
  bytes[id] = token_bytes;
}

uint32_t checked_token_id(const json& id) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMostTokenIds) {
    throw std::runtime_error("the token id " + id.dump() + " is not a number below " +
                             std::to_string(kMostTokenIds));
  }
  return id.get<uint32_t>();
}

std::vector<MergeRule> read_hf_merges(const json& model, const std::string& prefix,
                                      const HfVocabulary& vocabulary) {
  const json& merges = json_member(model, "merges");
  if (!merges.is_array()) throw std::runtime_error("model.merges: a list is expected");
  std::vector<MergeRule> rules;
  rules.reserve(merges.size());
  for (const json& merge : merges) {
    const bool is_header =
        merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version");
    if (is_header) continue;
    const auto [left, right] = read_pair(merge);
    const std::string merged = left + right.substr(right.starts_with(prefix) ? prefix.size() : 0);
    rules.push_back({id_of(left, vocabulary), id_of(right, vocabulary),
                     static_cast<uint32_t>(rules.size()), id_of(merged, vocabulary)});
  }
  return rules;
}

std::vector<AddedToken> read_hf_added_tokens(const json& list, const TokenizerTables& tables,
                                             HfVocabulary& vocabulary) {
  const TokenizerData steps = tables.view();
  Normalizer normalizer;
  if (const Status status = normalizer.open(steps); status.failed()) {
    throw std::runtime_error(status.message());
  }
  std::vector<AddedToken> tokens;
  std::unordered_map<std::string, uint32_t> ids;  // by content: the first of several counts
  std::unordered_set<std::string> special;
  for (const json& entry : list) {
    const std::string content = entry.at("content").get<std::string>();
    if (content.empty()) continue;
    AddedToken token = read_added_token(entry);
    const auto in_model = vocabulary.ids.find(content);
    if (in_model != vocabulary.ids.end()) token.id = in_model->second;
    if (!ids.try_emplace(content, token.id).second) continue;
    if (token.special) special.insert(content);
    vocabulary.set_bytes(token.id,
                         token.normalized ? in_normal_form(content, normalizer) : content);
    tokens.push_back(token);
  }
  // Whether a token is passed over in decoding goes by its text, as normalisation has left it.
  for (AddedToken& token : tokens) token.special = special.count(vocabulary.bytes[token.id]) > 0;
  return tokens;
}

}  // namespace linnet::convert
