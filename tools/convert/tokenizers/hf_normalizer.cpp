#include "tools/convert/formats/base64.h"
#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

void add(NormalizerKind kind, TokenizerTables& tables) {
  tables.normalizers.push_back({.kind = kind});
}

void read_bert(const json& section, TokenizerTables& tables) {
  const bool lowercase = json_member_or(section, "lowercase", true);
  if (json_member_or(section, "clean_text", true)) add(NormalizerKind::bert_clean, tables);
  if (json_member_or(section, "handle_chinese_chars", true)) {
    add(NormalizerKind::bert_ideographs, tables);
  }
  if (json_member_or(section, "strip_accents", lowercase)) {
    add(NormalizerKind::nfd, tables);
    add(NormalizerKind::bert_accents, tables);
  }
  if (lowercase) add(NormalizerKind::lowercase, tables);
}

void read_replace(const json& section, TokenizerTables& tables) {
  const json& pattern = section.at("pattern");
  const json& regex = json_member(pattern, "Regex");
  const auto content = section.at("content").get<std::string>();
  if (regex.is_null()) {
    const auto text = pattern.at("String").get<std::string>();
    if (text.empty()) throw unsupported_tokenizer("normalizer Replace of an empty text");
    tables.normalizers.push_back({NormalizerKind::replace, text, content});
  } else {
    const auto text = regex.get<std::string>();
    tables.normalizers.push_back({NormalizerKind::replace_matches, text, content});
  }
}

void read_charsmap(const json& section, TokenizerTables& tables) {
  if (!tables.charsmap_trie.empty()) {
    throw unsupported_tokenizer("a second normalizer Precompiled");
  }
  const json& text = json_member(section, "precompiled_charsmap");
  const auto map = text.is_null() ? std::vector<uint8_t>() : decode_base64(text.get<std::string>());
  tables.set_charsmap(map);
  if (!map.empty()) add(NormalizerKind::charsmap, tables);
}

void read_strip(const json& section, TokenizerTables& tables) {
  if (json_member_or(section, "strip_left", true)) add(NormalizerKind::strip_left, tables);
  if (json_member_or(section, "strip_right", true)) add(NormalizerKind::strip_right, tables);
}

// Those that have no options.
bool read_plain(const std::string& type, TokenizerTables& tables) {
  static const std::unordered_map<std::string, NormalizerKind> kinds = {
      {"NFC", NormalizerKind::nfc},
      {"NFD", NormalizerKind::nfd},
      {"NFKC", NormalizerKind::nfkc},
      {"NFKD", NormalizerKind::nfkd},
      {"Lowercase", NormalizerKind::lowercase},
      {"StripAccents", NormalizerKind::strip_accents},
      {"Nmt", NormalizerKind::nmt}};
  const auto found = kinds.find(type);
  if (found != kinds.end()) add(found->second, tables);
  return found != kinds.end();
}

}  // namespace

void read_hf_normalizer(const json& section, TokenizerTables& tables) {
  if (section.is_null()) return;
  const std::string type = hf_type_of(section);
  if (read_plain(type, tables)) return;
  if (type == "BertNormalizer") return read_bert(section, tables);
  if (type == "Precompiled") return read_charsmap(section, tables);
  if (type == "Replace") return read_replace(section, tables);
  if (type == "Strip") return read_strip(section, tables);
  if (type == "Prepend") {
    const auto content = section.at("prepend").get<std::string>();
    tables.normalizers.push_back({.kind = NormalizerKind::prepend, .content = content});
    return;
  }
  if (type != "Sequence") throw unsupported_tokenizer("normalizer " + type);
  for (const json& step : section.at("normalizers")) read_hf_normalizer(step, tables);
}

}  // namespace linnet::convert
