// linnet classify: labels of texts, with their probabilities.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/encoder_texts.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

struct Score {
  const char* label;
  float value;
};

/// From the likeliest label on.
std::vector<Score> sorted_scores(const Model& model, std::span<const float> logits) {
  std::vector<float> values(logits.size());
  linnet_model_label_scores(model.get(), logits.data(), values.data());
  std::vector<Score> scores;
  for (size_t i = 0; i < values.size(); ++i) {
    scores.push_back({linnet_model_label(model.get(), i), values[i]});
  }
  std::stable_sort(scores.begin(), scores.end(),
                   [](const Score& a, const Score& b) { return a.value > b.value; });
  return scores;
}

void print_text(const std::vector<Score>& scores) {
  for (const Score& score : scores) std::printf("%10.6f  %s\n", score.value, score.label);
}

void print_json(const std::vector<Score>& scores, bool are_probabilities) {
  auto labels = nlohmann::ordered_json::array();
  for (const Score& score : scores) {
    labels.push_back(
        {{"label", score.label}, {are_probabilities ? "probability" : "score", score.value}});
  }
  const nlohmann::ordered_json report = {{"labels", labels}};
  std::printf("%s\n",
              report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int classify(const EncoderOptions& options) {
  const Model model = open_model(options.model);
  const linnet_model_info info = model.describe();
  const std::string hint = "classify wants a model that was trained for it, such as one of " +
                           std::string("…ForSequenceClassification");
  if (info.labels == 0) throw std::runtime_error(options.model + ": has no labels: " + hint);
  const TokenizedTexts texts = tokenize_texts(model, options);
  bool is_first = true;
  for_each_row(model, options, texts, "logits", hint, [&](std::span<const float> logits) {
    const auto scores = sorted_scores(model, logits);
    if (options.json) return print_json(scores, info.label_function != LINNET_LABEL_NONE);
    if (!is_first) std::printf("\n");
    is_first = false;
    print_text(scores);
  });
  note_shortened(texts);
  return 0;
}

}  // namespace

Command add_classify(CLI::App& app) {
  auto options = std::make_shared<EncoderOptions>();
  CLI::App* command = app.add_subcommand("classify", "Label texts, with probabilities");
  add_encoder_options(command, options.get());
  command->add_option("--pair", options->pair,
                      "The second text of a pair with each, such as a hypothesis with a premise");
  command->footer(
      "Without --text and --file the lines of standard input are the texts. Labels come from the\n"
      "checkpoint's config.json, the likeliest first; a model of several labels that may hold\n"
      "together gives each its own probability, and a regression its value. With --json an object\n"
      "per text: {\"labels\": [{\"label\": \"…\", \"probability\": 0.9}, …]}.\n\n"
      "Example: linnet classify sentiment.linnet --text 'What a day!'\n"
      "         linnet classify nli.linnet --text 'It rains.' --pair 'It is dry.' --json\n"
      "         linnet classify sentiment.linnet --json < reviews.txt");
  return {command, [options] { return classify(*options); }};
}

}  // namespace linnet::cli
