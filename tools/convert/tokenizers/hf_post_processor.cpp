#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;
using Pieces = std::vector<TemplatePiece>;

TemplatePiece first_text(uint32_t type) { return {TemplatePiece::kFirstText, type}; }
TemplatePiece second_text(uint32_t type) { return {TemplatePiece::kSecondText, type}; }

// [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], where
// "special_tokens" is {"<s>": {"ids": [1]}}
Pieces read_pieces(const json& list, const json& special_tokens) {
  Pieces pieces;
  for (const json& part : list) {
    if (part.contains("Sequence")) {
      const json& text = part.at("Sequence");
      const auto type = json_member_or(text, "type_id", 0u);
      const bool first = json_member_or<std::string>(text, "id", "A") == "A";
      pieces.push_back(first ? first_text(type) : second_text(type));
      continue;
    }
    const json& token = part.at("SpecialToken");
    for (const json& id : special_tokens.at(token.at("id").get<std::string>()).at("ids")) {
      pieces.push_back(
          {static_cast<int32_t>(checked_token_id(id)), json_member_or(token, "type_id", 0u)});
    }
  }
  return pieces;
}

// What stands before and after the one text.
void put_around(TokenizerTables& tables) {
  bool text_seen = false;
  for (const TemplatePiece& piece : tables.single) {
    if (piece.id == TemplatePiece::kSecondText || (piece.id < 0 && text_seen)) {
      throw unsupported_tokenizer("a template for one text that has another or has it twice");
    }
    if (piece.id < 0) {
      text_seen = true;
    } else {
      (text_seen ? tables.suffix_ids : tables.prefix_ids)
          .push_back(static_cast<uint32_t>(piece.id));
    }
  }
  if (!text_seen) throw unsupported_tokenizer("a template that has no text");
}

void set_templates(Pieces single, Pieces pair, TokenizerTables& tables) {
  if (!tables.single.empty()) {
    throw unsupported_tokenizer("a post_processor that adds tokens after another");
  }
  tables.single = std::move(single);
  tables.pair = std::move(pair);
  put_around(tables);
}

}  // namespace

void read_hf_post_processor(const json& section, TokenizerTables& tables) {
  if (section.is_null()) return;
  const std::string type = hf_type_of(section);
  if (type == "ByteLevel") return;  // it trims offsets, which are not kept here
  if (type == "Sequence") {
    for (const json& step : section.at("processors")) read_hf_post_processor(step, tables);
    return;
  }
  if (type == "TemplateProcessing") {
    const json& tokens = json_member(section, "special_tokens");
    return set_templates(read_pieces(section.at("single"), tokens),
                         read_pieces(json_member(section, "pair"), tokens), tables);
  }
  if (type != "RobertaProcessing" && type != "BertProcessing") {
    throw unsupported_tokenizer("post_processor " + type);
  }
  const auto begin = static_cast<int32_t>(checked_token_id(section.at("cls").at(1)));
  const auto end = static_cast<int32_t>(checked_token_id(section.at("sep").at(1)));
  const Pieces single = {{begin, 0}, first_text(0), {end, 0}};
  Pieces pair = single;
  if (type == "BertProcessing") {
    pair.insert(pair.end(), {second_text(1), {end, 1}});
  } else {  // two separators, and one token type for all
    pair.insert(pair.end(), {{end, 0}, second_text(0), {end, 0}});
  }
  set_templates(single, pair, tables);
}

}  // namespace linnet::convert
