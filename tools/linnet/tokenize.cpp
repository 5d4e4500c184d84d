// linnet tokenize: text to token ids and back.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/linnet/command.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/text_codec.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

struct Options {
  std::string tokenizer;
  bool decode = false;
  bool special = false;
  bool json = false;
};

void print_ids(const std::vector<int32_t>& ids, bool json) {
  std::string line = json ? nlohmann::json{{"ids", ids}}.dump() : "";
  for (size_t i = 0; !json && i < ids.size(); ++i) {
    line += (i == 0 ? "" : " ") + std::to_string(ids[i]);
  }
  std::printf("%s\n", line.c_str());
}

void print_text(const std::string& decoded, bool json) {
  if (!json) {
    std::fwrite(decoded.data(), 1, decoded.size(), stdout);
    return;
  }
  // JSON has no way to carry bytes that are not UTF-8: they become U+FFFD.
  const nlohmann::json report = {{"text", decoded}};
  std::printf("%s\n",
              report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int tokenize(const Options& options) {
  const auto codec = open_text_codec(options.tokenizer);
  const std::string input = read_standard_input();
  if (options.decode) {
    print_text(codec->decode(parse_ids(input), options.special), options.json);
  } else {
    print_ids(codec->encode(input, options.special), options.json);
  }
  return 0;
}

}  // namespace

Command add_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "Turn text into token ids, or back");
  command->add_option("tokenizer", options->tokenizer, "A .linnet file or a tokenizer.json")
      ->required();
  command->add_flag("--decode", options->decode, "Token ids in, text out");
  command->add_flag("--special", options->special,
                    "Put the model's special tokens around the text; with --decode, print them");
  command->add_flag("--json", options->json, "Print {\"ids\": [...]} or {\"text\": \"...\"}");
  command->footer(
      "Reads all of standard input, byte for byte: use printf or echo -n for a text without a\n"
      "line break. Ids may be separated by blanks or commas, or be JSON.\n\n"
      "Example: printf 'Call me' | linnet tokenize model.linnet | linnet tokenize model.linnet "
      "--decode");
  return {command, [options] { return tokenize(*options); }};
}

}  // namespace linnet::cli
