#include "runtime/text/normalize.h"
#include "tools/convert/tokenizers/byte_alphabet.h"
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

std::string in_normal_form(const std::string& text) {
  List<char> normalized;
  if (append_nfc(text, normalized).failed()) throw std::bad_alloc();
  return {normalized.data(), normalized.size()};
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

HfVocabulary read_hf_vocabulary(const json& model) {
  const json& vocab = json_member(model, "vocab");
  if (!vocab.is_object()) throw std::runtime_error("model.vocab: an object is expected");
  HfVocabulary vocabulary;
  vocabulary.ids.reserve(vocab.size());
  std::string bytes;
  for (const auto& [token, value] : vocab.items()) {
    const uint32_t id = checked_token_id(value);
    vocabulary.ids.emplace(token, id);
    const bool in_alphabet = decode_byte_alphabet(token, bytes);
    vocabulary.set_bytes(id, in_alphabet ? bytes : token);
    if (in_alphabet && !token.empty()) vocabulary.findable.push_back(id);
  }
  return vocabulary;
}

std::vector<MergeRule> read_hf_merges(const json& model, const HfVocabulary& vocabulary) {
  const json& merges = json_member(model, "merges");
  if (!merges.is_array()) throw std::runtime_error("model.merges: a list is expected");
  std::vector<MergeRule> rules;
  rules.reserve(merges.size());
  for (const json& merge : merges) {
    const bool is_header =
        merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version");
    if (is_header) continue;
    const auto [left, right] = read_pair(merge);
    rules.push_back({id_of(left, vocabulary), id_of(right, vocabulary),
                     static_cast<uint32_t>(rules.size()), id_of(left + right, vocabulary)});
  }
  return rules;
}

std::vector<AddedToken> read_hf_added_tokens(const json& list, Normalizer normalizer,
                                             HfVocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  for (const json& entry : list) {
    const std::string content = entry.at("content").get<std::string>();
    if (content.empty()) continue;
    AddedToken token;
    token.id = checked_token_id(entry.at("id"));
    token.special = json_member_or(entry, "special", false);
    token.left_strip = json_member_or(entry, "lstrip", false);
    token.right_strip = json_member_or(entry, "rstrip", false);
    token.single_word = json_member_or(entry, "single_word", false);
    token.normalized = json_member_or(entry, "normalized", !token.special);
    const auto in_model = vocabulary.ids.find(content);
    if (in_model != vocabulary.ids.end()) token.id = in_model->second;
    const bool find_normalized = token.normalized && normalizer == Normalizer::nfc;
    vocabulary.set_bytes(token.id, find_normalized ? in_normal_form(content) : content);
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace linnet::convert
