#include <utility>

#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

constexpr char kMetaspace[] = "\u2581";

// What WordPiece's "cleanup" replaces within each token that it has put a space before.
constexpr std::pair<const char*, const char*> kCleanups[] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

void replace(const std::string& pattern, const std::string& content, TokenizerTables& tables) {
  tables.decoders.push_back({.kind = DecoderKind::replace, .pattern = pattern, .content = content});
}

void read_word_piece(const json& section, TokenizerTables& tables) {
  tables.decoders.push_back({.kind = DecoderKind::word_piece,
                             .pattern = json_member_or<std::string>(section, "prefix", "##")});
  if (!json_member_or(section, "cleanup", true)) return;
  for (const auto& [pattern, content] : kCleanups) replace(pattern, content, tables);
}

void read_strip(const json& section, TokenizerTables& tables) {
  tables.decoders.push_back({.kind = DecoderKind::strip,
                             .content = json_member_or<std::string>(section, "content", " "),
                             .start = json_member_or(section, "start", 0u),
                             .stop = json_member_or(section, "stop", 0u)});
}

void read_replace(const json& section, TokenizerTables& tables) {
  const json& text = json_member(section.at("pattern"), "String");
  if (text.is_null()) throw unsupported_tokenizer("decoder Replace of a regular expression");
  replace(text.get<std::string>(), section.at("content").get<std::string>(), tables);
}

void read_metaspace(const json& section, TokenizerTables& tables) {
  const bool drops_first = read_hf_prepend_scheme(section) != PrependScheme::never;
  tables.decoders.push_back(
      {.kind = DecoderKind::metaspace,
       .content = json_member_or<std::string>(section, "replacement", kMetaspace),
       .start = drops_first ? 1u : 0u});
}

void read_step(const json& section, TokenizerTables& tables) {
  const std::string type = hf_type_of(section);
  if (type == "Sequence") {
    for (const json& step : section.at("decoders")) read_step(step, tables);
  } else if (type == "ByteFallback") {
    tables.decoders.push_back({.kind = DecoderKind::byte_fallback});
  } else if (type == "Fuse") {
    tables.decoders.push_back({.kind = DecoderKind::fuse});
  } else if (type == "Strip") {
    read_strip(section, tables);
  } else if (type == "Replace") {
    read_replace(section, tables);
  } else if (type == "Metaspace") {
    read_metaspace(section, tables);
  } else if (type == "WordPiece") {
    read_word_piece(section, tables);
  } else if (type == "BPEDecoder") {
    tables.decoders.push_back({.kind = DecoderKind::end_of_word,
                               .pattern = json_member_or<std::string>(section, "suffix", "</w>")});
  } else {
    throw unsupported_tokenizer("decoder " + type);
  }
}

// The tokens of byte-level BPE are bytes already.
void check_byte_level(const json& section) {
  const std::string type = hf_type_of(section);
  if (type == "none" || type == "ByteLevel" || type == "Fuse") return;
  if (type != "Sequence") {
    throw unsupported_tokenizer("decoder " + type + " with pre_tokenizer ByteLevel");
  }
  for (const json& step : section.at("decoders")) check_byte_level(step);
}

}  // namespace

void read_hf_decoder(const json& section, TokenizerTables& tables) {
  if (tables.kind == TokenizerKind::byte_level_bpe) return check_byte_level(section);
  if (section.is_null()) {
    tables.decoders.push_back({.kind = DecoderKind::separate, .content = " "});
  } else {
    read_step(section, tables);
  }
}

}  // namespace linnet::convert
