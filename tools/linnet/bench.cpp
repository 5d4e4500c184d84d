// linnet bench: how fast a model runs on this machine, in how much memory, and how much faster it
// might be.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/linnet/batch_speed.h"
#include "tools/linnet/bench_figures.h"
#include "tools/linnet/command.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/read_bandwidth.h"

namespace linnet::cli {
namespace {

struct Options {
  std::string model;
  std::vector<size_t> prompts = {128, 512};
  size_t decode_tokens = 64;
  size_t repeats = 3;
  uint32_t batch = 0;
  linnet_session_options session = linnet_session_options_defaults();
  bool profile = false;
  bool skip_yardsticks = false;
  bool json = false;

  size_t longest_prompt() const { return *std::max_element(prompts.begin(), prompts.end()); }
};

/// The options with numbers for every default, and room for every token of a run.
Options complete(Options options) {
  options.session = with_defaults(options.session);
  options.session.threads = session_threads(options.session.threads);
  const size_t longest = std::max(options.longest_prompt(), options.decode_tokens);
  auto& context = options.session.context;
  context = std::max(context, static_cast<uint32_t>(longest));
  return options;
}

/// One model under measurement. Its weights are given back when it goes.
class Bench {
 public:
  Bench(const Options& options, BenchFigures* figures) : options_(options), figures_(*figures) {
    const Stopwatch since_open;
    model_ = open_model(options.model);
    figures_.load_seconds = since_open.seconds();
    const linnet_model_info info = model_.describe();
    if (info.has_encoder && info.has_decoder) {
      throw std::runtime_error(options.model +
                               " is an encoder-decoder, which bench has no measure " +
                               "for: time 'linnet translate'");
    }
    is_encoder_ = !info.has_decoder;
    if (is_encoder_) make_chunk_hold(options.longest_prompt());
    logits_.resize(info.vocabulary);
    session_ = open_session(model_, figures_.session);
    prefill(made_up_tokens(first_prompt, info.vocabulary));
    figures_.first_token_seconds = since_open.seconds();

    figures_.architecture = info.architecture;
    figures_.weights_name = info.weights;
    figures_.file_bytes = info.file_bytes;
    figures_.packed_bytes = info.packed_bytes;
    require(model_.session_bytes(figures_.session, &figures_.memory));
  }

  void measure_speeds(ProgressLine* progress) {
    const double steps = static_cast<double>(options_.prompts.size()) + 1;
    for (const size_t count : options_.prompts) {
      progress->update(static_cast<double>(figures_.prefill.size()) / steps);
      const auto tokens = made_up_tokens(count, vocabulary());
      figures_.prefill.push_back(measure(count, options_.repeats, [&] { return prefill(tokens); }));
    }
    progress->update((steps - 1) / steps);
    if (!is_encoder_) {
      figures_.decode = measure(options_.decode_tokens, options_.repeats, [&] {
        return decode_seconds(session_, options_.decode_tokens, logits_);
      });
      figures_.decode_fork_joins = fork_joins_per_token(session_, logits_);
    }
    if (options_.batch > 0 && !is_encoder_) measure_batch_decode();
    figures_.process = process_memory();
  }

  /// Apart from the measurement of speeds, which must not pay for the clock around operators.
  void measure_profile() {
    const auto tokens = made_up_tokens(options_.longest_prompt(), vocabulary());
    figures_.prefill_profile = profile(RunShape::prefill(tokens.size(), figures_.session.chunk),
                                       [&] { return prefill(tokens); });
    if (is_encoder_) return;
    figures_.decode_profile = profile(RunShape::decode(options_.decode_tokens), [&] {
      return decode_seconds(session_, options_.decode_tokens, logits_);
    });
  }

 private:
  void measure_batch_decode() {
    figures_.batch = options_.batch;
    figures_.batch_decode = measure_batch(model_, figures_.session, options_.batch,
                                          options_.decode_tokens, options_.repeats);
  }

  /// An encoder reads a text as a whole.
  void make_chunk_hold(size_t tokens) {
    uint32_t& chunk = figures_.session.chunk;
    chunk = std::max(chunk, static_cast<uint32_t>(tokens));
  }

  double prefill(const std::vector<int32_t>& tokens) {
    return is_encoder_ ? encode_seconds(session_, tokens)
                       : prefill_seconds(session_, tokens, logits_.data());
  }

  uint32_t vocabulary() const { return static_cast<uint32_t>(logits_.size()); }

  template <typename Run>
  Profile profile(const RunShape& shape, const Run& seconds_of) {
    Profiler profiler(session_);
    seconds_of();
    profiler.clear();
    double seconds = 0;
    for (size_t i = 0; i < options_.repeats; ++i) seconds += seconds_of();
    return profiler.profile(figures_.products, shape, options_.repeats, seconds);
  }

  const Options& options_;
  BenchFigures& figures_;
  Model model_;
  Session session_;
  bool is_encoder_ = false;
  std::vector<float> logits_;
};

/// A model too large to be held twice, or of a shape that no bare model has, is measured without.
void measure_yardsticks(const Options& options, BenchFigures* figures) {
  try {
    figures->yardsticks = {
        .read_bytes_per_second = read_bandwidth(options.session.threads),
        .bare = measure_bare_products(ModelFile(options.model), options.session, options.prompts,
                                      options.decode_tokens, options.repeats)};
  } catch (const std::exception& error) {
    std::fprintf(stderr, "note: the machine's limits were not measured: %s\n", error.what());
  }
}

BenchFigures measure_all(const Options& options) {
  BenchFigures figures;
  ProgressLine progress("Measuring");
  {
    figures.path = options.model;
    figures.session = options.session;
    Bench bench(options, &figures);
    bench.measure_speeds(&progress);
    const ModelFile file(options.model);
    figures.weights = count_weights(file);
    figures.products = matrix_products(file);
    if (options.profile) bench.measure_profile();
  }
  if (!options.skip_yardsticks) {
    progress.update(1, "what the machine allows");
    measure_yardsticks(options, &figures);
  }
  return figures;
}

int bench(const Options& given) {
  const BenchFigures figures = measure_all(complete(given));
  (given.json ? print_bench_json : print_bench_report)(figures);
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
  command
      ->add_option("--batch", options->batch,
                   "Also decode in so many sessions side by side, in one pass over the weights")
      ->check(CLI::Range(1, 1024));
  command->add_option("--chunk", options->session.chunk, "Prompt tokens that run at once [256]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048, or as many as needed]");
  command->add_flag("--profile", options->profile,
                    "Also show where the time of the longest prompt and of decoding goes, by kind "
                    "and by name of operator");
  command->add_flag("--no-yardsticks", options->skip_yardsticks,
                    "Leave out what the machine allows: less time and memory");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Private memory is what the process holds by itself at the end (Linux: anonymous pages);\n"
      "the file's own pages are shared with every process that maps it.\n\n"
      "Two yardsticks say how much faster the machine would allow. Memory: threads that only\n"
      "read a buffer far larger than the caches; decoding reads the weights once per token.\n"
      "Bare matrix products: the model's Linear, GroupedLinear and MixtureOfExperts operators,\n"
      "with the quantisation of their inputs, over random values of the same shapes and types,\n"
      "run one after another in the same chunks and threads with nothing between them; the share\n"
      "is of the tokens per second that they alone would allow.\n\n"
      "Example: linnet bench model.linnet -p 128,512 -n 64 -t 2 -r 3 --profile");
  return {command, [options] { return bench(*options); }};
}

}  // namespace linnet::cli
