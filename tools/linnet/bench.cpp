// linnet bench: how fast a model runs on this machine, and in how much memory.
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/model_file.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/process_memory.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t small_prompt = 8;

struct Options {
  std::string model;
  std::vector<size_t> prompts = {128, 512};
  size_t decode_tokens = 64;
  size_t repeats = 3;
  linnet_session_options session = linnet_session_options_defaults();
  bool json = false;
};

/// Tokens per second over the repeats.
struct Speed {
  size_t tokens = 0;
  double median = 0;
  double min = 0;
  double max = 0;
};

struct Figures {
  std::vector<Speed> prefill;
  Speed decode;
  double load_seconds = 0;
  double first_token_seconds = 0;
  WeightFigures weights;
  linnet_model_info info = {};
  linnet_memory session = {};
  std::optional<ProcessMemory> process;

  double decode_gigabytes_per_second() const {
    return decode.median * static_cast<double>(weights.bytes_per_token) / 1e9;
  }
};

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

/// Tokens without meaning: the same in every run.
std::vector<int32_t> made_up_tokens(size_t count, uint32_t vocabulary) {
  std::vector<int32_t> tokens(count);
  uint32_t random = 1;
  for (auto& token : tokens) {
    random = random * 1664525u + 1013904223u;
    token = static_cast<int32_t>((random >> 8) % vocabulary);
  }
  return tokens;
}

double prefill_seconds(Session& session, const std::vector<int32_t>& tokens,
                       std::vector<float>& logits) {
  session.reset();
  const Stopwatch watch;
  require(session.run(tokens, logits.data()));
  return watch.seconds();
}

/// Every token is the argmax of the logits before it, as in a greedy generation.
double decode_seconds(Session& session, size_t count, std::vector<float>& logits) {
  session.reset();
  int32_t token = 0;
  const Stopwatch watch;
  for (size_t i = 0; i < count; ++i) {
    require(session.run({&token, 1}, logits.data()));
    token = static_cast<int32_t>(argmax(logits));
  }
  return watch.seconds();
}

/// Runs `seconds_of` once to warm up and then `repeats` times.
template <typename Run>
Speed measure(size_t tokens, size_t repeats, const Run& seconds_of) {
  seconds_of();
  std::vector<double> speeds(repeats);
  for (double& speed : speeds) speed = static_cast<double>(tokens) / seconds_of();
  std::sort(speeds.begin(), speeds.end());
  const double median = (speeds[(repeats - 1) / 2] + speeds[repeats / 2]) / 2;
  return {tokens, median, speeds.front(), speeds.back()};
}

/// Opens `model`, which the figures' strings belong to, and measures.
Figures measure_all(const Options& options, Model* model) {
  Figures figures;
  ProgressLine progress("Measuring");
  const Stopwatch since_open;
  *model = open_model(options.model);
  figures.load_seconds = since_open.seconds();
  figures.info = model->describe();
  std::vector<float> logits(figures.info.vocabulary);
  Session session = open_session(*model, options.session);
  prefill_seconds(session, made_up_tokens(small_prompt, figures.info.vocabulary), logits);
  figures.first_token_seconds = since_open.seconds();
  require(model->session_bytes(options.session, &figures.session));

  const double steps = static_cast<double>(options.prompts.size()) + 1;
  for (const size_t count : options.prompts) {
    progress.update(static_cast<double>(figures.prefill.size()) / steps);
    const auto tokens = made_up_tokens(count, figures.info.vocabulary);
    figures.prefill.push_back(
        measure(count, options.repeats, [&] { return prefill_seconds(session, tokens, logits); }));
  }
  progress.update((steps - 1) / steps);
  figures.decode = measure(options.decode_tokens, options.repeats,
                           [&] { return decode_seconds(session, options.decode_tokens, logits); });
  figures.process = process_memory();
  figures.weights = count_weights(ModelFile(options.model));
  return figures;
}

void print_speed(const char* name, const Speed& speed) {
  std::printf("  %-8s %6zu tokens %10.1f tokens/s  (%.1f to %.1f)", name, speed.tokens,
              speed.median, speed.min, speed.max);
}

void print_report(const Options& options, const Figures& figures) {
  std::printf("%s: %s, %s parameters, %s weights\n", options.model.c_str(),
              figures.info.architecture, format_count(figures.weights.parameters).c_str(),
              figures.info.weights);
  for (const Speed& speed : figures.prefill) {
    print_speed("prefill", speed);
    std::printf("\n");
  }
  print_speed("decode", figures.decode);
  std::printf(", reads weights at %.2f GB/s\n", figures.decode_gigabytes_per_second());
  std::printf("  load             %10.3f s\n", figures.load_seconds);
  std::printf("  first token      %10.3f s  (load, open a session, run %zu tokens)\n",
              figures.first_token_seconds, small_prompt);
  const auto bytes = [](uint64_t value) { return format_bytes(value); };
  std::printf("  weights %s (file, mapped), %s packed; state %s; arena %s; process, private %s\n",
              bytes(figures.info.file_bytes).c_str(), bytes(figures.info.packed_bytes).c_str(),
              bytes(figures.session.state_bytes).c_str(),
              bytes(figures.session.arena_bytes).c_str(),
              figures.process ? bytes(figures.process->private_bytes).c_str() : "unknown");
}

Json speed_json(const Speed& speed) {
  return {
      {"tokens", speed.tokens},
      {"tokens_per_second", {{"median", speed.median}, {"min", speed.min}, {"max", speed.max}}}};
}

void print_json(const Options& options, const Figures& figures) {
  Json prefill = Json::array();
  for (const Speed& speed : figures.prefill) prefill.push_back(speed_json(speed));
  Json decode = speed_json(figures.decode);
  decode["gigabytes_per_second"] = figures.decode_gigabytes_per_second();
  const Json report = {
      {"model", options.model},
      {"architecture", figures.info.architecture},
      {"weights", figures.info.weights},
      {"parameters", figures.weights.parameters},
      {"threads", options.session.threads},
      {"prefill", prefill},
      {"decode", Json::array({decode})},
      {"load_seconds", figures.load_seconds},
      {"first_token_seconds", figures.first_token_seconds},
      {"memory",
       {{"weights_bytes", figures.info.file_bytes},
        {"packed_bytes", figures.info.packed_bytes},
        {"state_bytes", figures.session.state_bytes},
        {"arena_bytes", figures.session.arena_bytes},
        {"private_bytes", figures.process ? Json(figures.process->private_bytes) : Json()}}}};
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int bench(Options options) {
  const size_t longest = *std::max_element(options.prompts.begin(), options.prompts.end());
  options.session = with_defaults(options.session);
  auto& context = options.session.context;
  context = std::max(context, static_cast<uint32_t>(std::max(longest, options.decode_tokens)));
  Model model;
  const Figures figures = measure_all(options, &model);
  (options.json ? print_json : print_report)(options, figures);
  return 0;
}

}  // namespace

Command add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("bench", "Measure speed and memory");
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("-p,--prompt-tokens", options->prompts, "Sizes of prompts [128,512]")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  command->add_option("-n,--tokens", options->decode_tokens, "Tokens to decode one by one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("-t,--threads", options->session.threads, "0: one per core, at most 8");
  command->add_option("-r,--repeats", options->repeats, "Measurements of each, after a warm-up")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--chunk", options->session.chunk, "Prompt tokens that run at once [128]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048, or as many as needed]");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Private memory is what the process holds by itself at the end (Linux: anonymous pages);\n"
      "the file's own pages are shared with every process that maps it.\n\n"
      "Example: linnet bench model.linnet -p 128,512 -n 64 -t 2 -r 3");
  return {command, [options] { return bench(*options); }};
}

}  // namespace linnet::cli
