// linnet translate: what an encoder-decoder makes of texts, such as their translations.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

struct Options {
  std::string model;
  std::optional<std::string> text;
  bool ids = false;
  bool json = false;
  // Else the model's own:
  std::optional<uint32_t> beams, no_repeat;
  std::optional<size_t> max_tokens, min_tokens;
  std::optional<float> length_penalty;
  std::optional<std::string> stopping;
  std::optional<int32_t> start, first;
  linnet_session_options session = linnet_session_options_defaults();
};

linnet_stopping stopping_named(const std::string& name) {
  if (name == "first") return LINNET_STOPPING_FIRST;
  return name == "exact" ? LINNET_STOPPING_EXACT : LINNET_STOPPING_LIKELY;
}

linnet_translate_options search_options(const Model& model, const Options& options) {
  linnet_translate_options result = model.translate_defaults();
  result.beams = options.beams.value_or(result.beams);
  result.max_tokens = options.max_tokens.value_or(result.max_tokens);
  result.min_tokens = options.min_tokens.value_or(result.min_tokens);
  result.length_penalty = options.length_penalty.value_or(result.length_penalty);
  if (options.stopping) result.stopping = stopping_named(*options.stopping);
  result.no_repeat = options.no_repeat.value_or(result.no_repeat);
  result.start = options.start.value_or(result.start);
  result.forced_first = options.first.value_or(result.forced_first);
  if (result.start < 0) {
    throw std::runtime_error(options.model + " does not say what its decoder starts with: give " +
                             "--start ID");
  }
  return result;
}

/// The lines of a text; a last one needs no line break.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<int32_t> read_source(const Model& model, const Options& options,
                                 const std::string& line) {
  if (options.ids) return parse_ids(line);
  std::vector<int32_t> ids;
  require(model.tokenize(line, /*special_tokens=*/true, &ids));
  return ids;
}

std::string ids_text(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

void print(const Model& model, const Options& options, const std::vector<int32_t>& ids,
           const linnet_translated& translated) {
  std::string text;
  if (!options.ids) require(model.detokenize(ids, /*special_tokens=*/false, &text));
  if (!options.json) {
    std::printf("%s\n", (options.ids ? ids_text(ids) : text).c_str());
    return;
  }
  nlohmann::ordered_json report = {{"ids", ids}};
  if (!options.ids) report["text"] = text;
  report["score"] = translated.score;
  report["source_tokens"] = translated.source_tokens;
  report["ended"] = translated.stop == LINNET_STOP_END;
  // JSON has no way to carry bytes that are not UTF-8: they become U+FFFD.
  std::printf("%s\n",
              report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int translate(const Options& options) {
  const Model model = open_model(options.model);
  const linnet_model_info info = model.describe();
  if (!info.has_encoder || !info.has_decoder) {
    throw std::runtime_error(options.model + " is not an encoder-decoder: 'linnet run' continues " +
                             "texts");
  }
  if (!options.ids && !info.has_tokenizer) {
    throw std::runtime_error(
        options.model + " has no tokenizer, so that it takes and gives token " +
        "ids alone, with --ids. To have one, put a tokenizer.json into the " +
        "checkpoint's folder and convert it again; SentencePiece's source.spm " +
        "and target.spm, which Marian's come with, are not read");
  }
  const linnet_translate_options search = search_options(model, options);
  linnet_session_options session_options = options.session;
  session_options.beams = search.beams;
  session_options.context = static_cast<uint32_t>(search.max_tokens);
  Session session = open_session(model, session_options);
  for (const std::string& line : lines_of(options.text ? *options.text : read_standard_input())) {
    std::vector<int32_t> ids;
    linnet_translated translated = {};
    require(session.translate(read_source(model, options, line), search, &ids, &translated));
    print(model, options, ids, translated);
    std::fflush(stdout);
  }
  return 0;
}

void add_search_options(CLI::App* command, const std::shared_ptr<Options>& options) {
  command->add_option("--beams", options->beams, "Hypotheses side by side; 1: greedy")
      ->check(CLI::Range(1, 1024));
  command->add_option("-n,--max-tokens", options->max_tokens, "Most tokens of a text")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--min-tokens", options->min_tokens, "Fewest tokens of a text");
  command->add_option("--length-penalty", options->length_penalty,
                      "Above 0 favours long texts: scores are divided by tokens to this power");
  command
      ->add_option("--stopping", options->stopping,
                   "When --beams texts have ended: first: at once; likely: when no other looks "
                   "better; exact: when none can become better")
      ->check(CLI::IsMember({"first", "likely", "exact"}));
  command->add_option("--no-repeat", options->no_repeat,
                      "No sequence of so many tokens stands twice; 0: any may");
  command->add_option("--start", options->start, "Id that the decoder starts with")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--first", options->first, "Id of the first token, such as a language")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

Command add_translate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("translate", "Run texts through an encoder-decoder");
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("--text", options->text, "A text; else each line of standard input is one");
  command->add_flag("--ids", options->ids, "Token ids instead of text, in and out");
  add_search_options(command, options);
  command->add_option("--threads,-t", options->session.threads, "0: one per core, at most 8");
  command->add_option("--chunk", options->session.chunk,
                      "Most tokens of a source [its positions, at most 512]");
  command->add_flag("--json", options->json,
                    "Print {\"ids\": [...], \"text\": \"...\", \"score\": ...} for each text");
  command->footer(
      "Options not given are the model's own. Ids in are those of the whole source, its end "
      "included;\n"
      "ids out are without the decoder's start, with the end.\n\n"
      "Example: linnet translate marian.linnet --text \"Good morning.\" --beams 4");
  return {command, [options] { return translate(*options); }};
}

}  // namespace linnet::cli
