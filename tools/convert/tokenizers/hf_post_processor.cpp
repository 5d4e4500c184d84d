#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

void put_around(const std::vector<uint32_t>& before, const std::vector<uint32_t>& after,
                TokenizerTables& tables) {
  tables.prefix_ids.insert(tables.prefix_ids.begin(), before.begin(), before.end());
  tables.suffix_ids.insert(tables.suffix_ids.end(), after.begin(), after.end());
}

// "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>":
// {"ids": [1]}}
void read_template(const json& section, TokenizerTables& tables) {
  std::vector<uint32_t> before;
  std::vector<uint32_t> after;
  bool text_seen = false;
  for (const json& part : section.at("single")) {
    if (part.contains("Sequence")) {
      if (text_seen) throw unsupported_tokenizer("a template that has the text twice");
      text_seen = true;
      continue;
    }
    const auto name = part.at("SpecialToken").at("id").get<std::string>();
    for (const json& id : section.at("special_tokens").at(name).at("ids")) {
      (text_seen ? after : before).push_back(checked_token_id(id));
    }
  }
  if (!text_seen) throw unsupported_tokenizer("a template that has no text");
  put_around(before, after, tables);
}

}  // namespace

void read_hf_post_processor(const json& section, TokenizerTables& tables) {
  if (section.is_null()) return;
  const auto type = json_member_or<std::string>(section, "type", "none");
  if (type == "ByteLevel") return;  // it trims offsets, which are not kept here
  if (type == "TemplateProcessing") return read_template(section, tables);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    const uint32_t before = checked_token_id(section.at("cls").at(1));
    const uint32_t after = checked_token_id(section.at("sep").at(1));
    return put_around({before}, {after}, tables);
  }
  if (type != "Sequence") throw unsupported_tokenizer("post_processor " + type);
  for (const json& step : section.at("processors")) read_hf_post_processor(step, tables);
}

}  // namespace linnet::convert
