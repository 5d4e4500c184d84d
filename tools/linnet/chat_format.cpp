// Checkpoints say how they write a conversation by a program in Jinja's language
// (tokenizer_config.json's chat_template), which nothing here can run. What most of them do by it
// is one of these.
#include "tools/linnet/chat_format.h"

#include <algorithm>
#include <stdexcept>

#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

std::string filled(std::string_view pattern, std::string_view text) {
  std::string result(pattern);
  const size_t at = result.find("{}");
  if (at != std::string::npos) result.replace(at, 2, text);
  return result;
}

std::string before_text(std::string_view pattern) {
  return std::string(pattern.substr(0, pattern.find("{}")));
}

bool is_one_token(const Model& model, std::string_view marker) {
  std::vector<int32_t> ids;
  require(model.tokenize(marker, /*special_tokens=*/false, &ids));
  return ids.size() == 1;
}

}  // namespace

const std::vector<ChatFormat>& chat_formats() {
  static const std::vector<ChatFormat> formats = {
      // Qwen, SmolLM2, Hermes and many more.
      {"chatml", "<|im_start|>", "<|im_start|>system\n{}<|im_end|>\n", false,
       "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n", ""},
      {"llama3", "<|start_header_id|>",
       "<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>", false,
       "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\n",
       "<|eot_id|>", ""},
      // Gemma and Mistral have no role for the system: its text leads the user's first.
      {"gemma", "<start_of_turn>", "{}\n\n", true,
       "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n", "<end_of_turn>\n", ""},
      {"mistral", "[INST]", "{}\n\n", true, "[INST] {} [/INST]", "</s>", ""},
      // For models that were never taught to talk: a reply is a paragraph.
      {"plain", "", "{}\n\n", false, "User: {}\nAssistant:", "\n", "\n"},
  };
  return formats;
}

const ChatFormat& find_chat_format(const Model& model, std::string_view name) {
  const std::vector<ChatFormat>& formats = chat_formats();
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const ChatFormat& format) {
    if (name != "auto") return name == format.name;
    return format.marker[0] == '\0' || is_one_token(model, format.marker);
  });
  if (found != formats.end()) return *found;
  throw std::runtime_error("there is no chat format '" + std::string(name) + "'");
}

std::string opening_text(const ChatFormat& format, std::string_view system) {
  if (system.empty()) return "";
  return (format.system_in_turn ? before_text(format.user) : "") + filled(format.system, system);
}

std::string turn_text(const ChatFormat& format, std::string_view user, bool opened) {
  const std::string whole = filled(format.user, user);
  return opened && format.system_in_turn ? whole.substr(before_text(format.user).size()) : whole;
}

}  // namespace linnet::cli
