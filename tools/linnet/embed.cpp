// linnet embed: one vector per text, texts of like meaning close to each other.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/encoder_texts.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

void print_row(std::span<const float> row, bool json) {
  if (json) {
    const nlohmann::json report = {{"embedding", std::vector<float>(row.begin(), row.end())}};
    std::printf("%s\n", report.dump().c_str());
    return;
  }
  for (size_t i = 0; i < row.size(); ++i) {
    std::printf("%s%.8g", i == 0 ? "" : " ", static_cast<double>(row[i]));
  }
  std::printf("\n");
}

int embed(const EncoderOptions& options) {
  const Model model = open_model(options.model);
  const TokenizedTexts texts = tokenize_texts(model, options);
  for_each_row(model, options, texts, "sentence_embedding",
               "embed wants an encoder without a head, such as one of sentence-transformers",
               [&](std::span<const float> row) { print_row(row, options.json); });
  note_shortened(texts);
  return 0;
}

}  // namespace

Command add_embed(CLI::App& app) {
  auto options = std::make_shared<EncoderOptions>();
  CLI::App* command = app.add_subcommand("embed", "Turn texts into vectors");
  add_encoder_options(command, options.get());
  command->footer(
      "Without --text and --file the lines of standard input are the texts. Tokens are pooled and\n"
      "normalised as the files of sentence-transformers beside the checkpoint say; without those,\n"
      "the mean. Prints the numbers of a text on a line, with --json {\"embedding\": [0.1, …]}.\n\n"
      "Example: linnet embed minilm.linnet --text 'What a day!' --json\n"
      "         linnet embed minilm.linnet < sentences.txt > vectors.txt");
  return {command, [options] { return embed(*options); }};
}

}  // namespace linnet::cli
