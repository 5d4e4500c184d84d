// linnet perplexity: how well a model foretells a text, and how far it is from another model.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/distribution.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/timed_runs.h"

namespace linnet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::string text;
  std::string against;
  linnet_session_options session = linnet_session_options_defaults();
  bool json = false;
};

/// How well a model foretold a text.
struct TextScore {
  double sum = 0;
  size_t tokens = 0;

  void add(double negative_log_likelihood) {
    sum += negative_log_likelihood;
    ++tokens;
  }
  double mean() const { return sum / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(mean()); }
};

/// A model that reads a text piece by piece and gives logits for every token.
class Reader {
 public:
  Reader(const std::string& path, const linnet_session_options& options)
      : model_(open_model(path)),
        session_(open_session(model_, options)),
        vocabulary_(model_.describe().vocabulary),
        logits_(options.chunk * vocabulary_) {}

  const Model& model() const { return model_; }
  size_t vocabulary() const { return vocabulary_; }
  double seconds() const { return seconds_; }  ///< that reading took

  /// At most a chunk of tokens; their logits are there until the next call.
  void read(std::span<const int32_t> tokens) {
    const Stopwatch watch;
    require(session_.run(tokens, logits_.data()));
    seconds_ += watch.seconds();
  }

  /// Of token `i` of the last piece: what it foretells of the next.
  std::span<const float> logits(size_t i) const {
    return std::span(logits_).subspan(i * vocabulary_, vocabulary_);
  }

 private:
  Model model_;
  Session session_;
  size_t vocabulary_;
  std::vector<float> logits_;
  double seconds_ = 0;
};

struct Findings {
  size_t tokens = 0;
  TextScore score;
  double tokens_per_second = 0;
  std::optional<TextScore> other_score;
  Divergence divergence;
};

std::vector<int32_t> tokens_of(const Options& options, const Model& model) {
  if (!model.describe().has_tokenizer) {
    throw std::runtime_error(options.model +
                             " has no tokenizer: convert the model again with --tokenizer");
  }
  std::vector<int32_t> tokens;
  require(model.tokenize(read_text_file(options.text), /*special_tokens=*/true, &tokens));
  if (tokens.size() < 2) {
    throw std::runtime_error(options.text + " has " + std::to_string(tokens.size()) +
                             " tokens; a text of at least 2 is wanted");
  }
  return tokens;
}

std::unique_ptr<Reader> open_other(const Options& options, const Reader& reader) {
  if (options.against.empty()) return nullptr;
  auto other = std::make_unique<Reader>(options.against, options.session);
  if (other->vocabulary() == reader.vocabulary()) return other;
  throw std::runtime_error(options.against + " has a vocabulary of " +
                           std::to_string(other->vocabulary()) + " tokens, " + options.model +
                           " one of " + std::to_string(reader.vocabulary()) +
                           ": only models with the same tokens can be compared");
}

/// Reads the text once, with both models in step.
Findings read_text(const Options& options) {
  Reader reader(options.model, options.session);
  const std::vector<int32_t> tokens = tokens_of(options, reader.model());
  const std::unique_ptr<Reader> other = open_other(options, reader);
  Findings found;
  found.tokens = tokens.size();
  if (other) found.other_score.emplace();
  ProgressLine progress("Reading");
  const size_t last = tokens.size() - 1;  // which foretells nothing that could be scored
  for (size_t begin = 0; begin < last; begin += options.session.chunk) {
    progress.update(static_cast<double>(begin) / static_cast<double>(last));
    const auto piece =
        std::span(tokens).subspan(begin, std::min<size_t>(options.session.chunk, last - begin));
    reader.read(piece);
    if (other) other->read(piece);
    for (size_t i = 0; i < piece.size(); ++i) {
      const auto next = static_cast<size_t>(tokens[begin + i + 1]);
      found.score.add(negative_log_likelihood(reader.logits(i), next));
      if (!other) continue;
      found.other_score->add(negative_log_likelihood(other->logits(i), next));
      found.divergence.add(reader.logits(i), other->logits(i));
    }
  }
  found.tokens_per_second = static_cast<double>(last) / reader.seconds();
  return found;
}

void print_report(const Options& options, const Findings& found) {
  std::printf("%s: %zu tokens, all but the first scored\n", options.text.c_str(), found.tokens);
  std::printf("  %s: loss %.4f nats per token, perplexity %.4f, %.1f tokens/s\n",
              options.model.c_str(), found.score.mean(), found.score.perplexity(),
              found.tokens_per_second);
  if (!found.other_score) return;
  const std::vector<double>& kl = found.divergence.kl();
  std::printf("  %s: loss %.4f nats per token, perplexity %.4f\n", options.against.c_str(),
              found.other_score->mean(), found.other_score->perplexity());
  std::printf("  KL from it: mean %.3g, median %.3g, 99 %% below %.3g, at most %.3g nats\n",
              mean(kl), percentile(kl, 0.5), percentile(kl, 0.99), percentile(kl, 1));
  std::printf("  equal argmax %.2f %%, largest difference of a logit %.3g\n",
              100 * found.divergence.argmax_agreement(), found.divergence.largest_difference());
}

void print_json(const Options& options, const Findings& found) {
  Json report = {{"model", options.model},
                 {"text", options.text},
                 {"tokens", found.tokens},
                 {"scored_tokens", found.score.tokens},
                 {"mean_negative_log_likelihood", found.score.mean()},
                 {"perplexity", found.score.perplexity()},
                 {"tokens_per_second", found.tokens_per_second}};
  if (found.other_score) {
    const std::vector<double>& kl = found.divergence.kl();
    report["divergence"] = {{"against", options.against},
                            {"mean_negative_log_likelihood", found.other_score->mean()},
                            {"perplexity", found.other_score->perplexity()},
                            {"kl",
                             {{"mean", mean(kl)},
                              {"median", percentile(kl, 0.5)},
                              {"percentile_99", percentile(kl, 0.99)},
                              {"max", percentile(kl, 1)}}},
                            {"argmax_agreement", found.divergence.argmax_agreement()},
                            {"max_abs_difference", found.divergence.largest_difference()}};
  }
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int perplexity(Options options) {
  options.session = with_defaults(options.session);
  options.session.all_logits = true;
  const Findings found = read_text(options);
  (options.json ? print_json : print_report)(options, found);
  return 0;
}

}  // namespace

Command add_perplexity(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("perplexity", "Score a text, or compare two models on it");
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("--text", options->text, "The text, a file")->required();
  command->add_option("--against", options->against,
                      "Another .linnet file of the same vocabulary, such as the f32 one: how far "
                      "the model's distributions are from its");
  command->add_option("-t,--threads", options->session.threads, "0: one per core, at most 8")
      ->capture_default_str();
  command->add_option("--chunk", options->session.chunk, "Tokens that run at once [256]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048]");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "The text is one stream: the state is carried from its first token to its last. Loss is\n"
      "the mean of -log p(token | all before it), perplexity its exponential. The first token\n"
      "has nothing before it and is not scored; where the tokenizer puts special tokens around a\n"
      "text they are there, so that a begin-of-text is what the text's first token follows.\n"
      "Divergence is KL(other || model) of the distributions of every next token, in nats.\n"
      "Tokens per second are the model's, without scoring. Memory holds the logits of a chunk.\n\n"
      "Example: linnet perplexity int8.linnet --text held_out.txt --against f32.linnet");
  return {command, [options] { return perplexity(*options); }};
}

}  // namespace linnet::cli
