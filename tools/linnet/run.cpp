// linnet run: streams the text that a model puts after a prompt.
#include <signal.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "tools/linnet/command.h"
#include "tools/linnet/generation_meter.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

constexpr int interrupted_exit = 130;  // as shells have it: 128 + SIGINT

struct Options {
  std::string model;
  std::optional<std::string> prompt;
  std::string prompt_file;
  size_t max_tokens = 128;
  std::optional<float> temperature, top_p, min_p, repetition_penalty;  // else the model's own
  std::optional<uint32_t> top_k;
  std::optional<uint64_t> seed;
  bool ignore_end = false;
  linnet_session_options session = linnet_session_options_defaults();
  bool quiet = false;
  bool stats = false;
};

volatile sig_atomic_t interrupted = 0;

/// The first Ctrl-C ends the text; a second one ends the process.
void stop_on_interrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

std::string read_prompt(const Options& options) {
  if (!options.prompt_file.empty()) return read_text_file(options.prompt_file);
  if (!options.prompt) {
    throw std::runtime_error("no prompt: give --prompt TEXT, --prompt - or --prompt-file FILE");
  }
  return *options.prompt == "-" ? read_standard_input() : *options.prompt;
}

linnet_generate_options generation_options(const Model& model, const Options& options) {
  linnet_generate_options result = model.generate_defaults();
  result.max_tokens = options.max_tokens;
  result.ignore_end = options.ignore_end;
  result.temperature = options.temperature.value_or(result.temperature);
  result.top_k = options.top_k.value_or(result.top_k);
  result.top_p = options.top_p.value_or(result.top_p);
  result.min_p = options.min_p.value_or(result.min_p);
  result.repetition_penalty = options.repetition_penalty.value_or(result.repetition_penalty);
  result.seed = options.seed ? *options.seed : std::random_device()();
  return result;
}

/// What the callbacks of a generation share.
struct Stream {
  Session* session;
  GenerationMeter* meter;
  ProgressLine* progress;
  const CountedPages* watched;  ///< the session's memory, or null
  size_t prompt_tokens;
  std::optional<uint64_t> in_use = {};  ///< of `watched` at the first token
  bool broken = false;                  ///< standard output takes no more

  bool advance() {
    const uint64_t position = session->position();
    meter->advance(position);
    if (watched != nullptr && !in_use && position >= prompt_tokens) {
      in_use = watched->bytes_in_use();
    }
    if (position < prompt_tokens) {
      progress->update(static_cast<double>(position) / static_cast<double>(prompt_tokens));
    }
    return interrupted == 0;
  }

  bool print(std::string_view piece) {
    progress->clear();
    broken = std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() ||
             std::fflush(stdout) != 0;
    return !broken && advance();
  }
};

const char* stop_text(linnet_stop_reason stop) {
  if (interrupted != 0) return "interrupted";
  if (stop == LINNET_STOP_END) return "ended by the model";
  return stop == LINNET_STOP_MAX_TOKENS ? "as many as asked for" : "stopped";
}

std::string speed_text(const std::optional<double>& speed) {
  return speed ? text("%.1f tokens/s", *speed) : "unknown speed";
}

void print_summary(const linnet_generated& generated, const linnet_generate_options& generation,
                   const GenerationMeter& meter) {
  std::fprintf(stderr, "prompt: %zu tokens, %s; text: %zu tokens, %s, %s", generated.prompt_tokens,
               speed_text(meter.prompt_speed()).c_str(), generated.tokens,
               speed_text(meter.speed()).c_str(), stop_text(generated.stop));
  if (generation.temperature > 0) std::fprintf(stderr, "; --seed %" PRIu64, generation.seed);
  std::fprintf(stderr, "\n");
}

void print_bytes(const char* name, const std::optional<uint64_t>& start,
                 const std::optional<uint64_t>& most, const std::optional<uint64_t>& end) {
  const auto number = [](const auto& value) { return value ? std::to_string(*value) : "unknown"; };
  std::fprintf(stderr, "  %-30s %14s %14s %14s\n", name, number(start).c_str(),
               number(most).c_str(), number(end).c_str());
}

void print_stats(const GenerationMeter& meter, const linnet_memory& memory,
                 const std::optional<uint64_t>& in_use_at_start,
                 const std::optional<uint64_t>& in_use_at_end) {
  std::fprintf(stderr, "speed: first tenth %s, last tenth %s\n",
               speed_text(meter.first_tenth_speed()).c_str(),
               speed_text(meter.last_tenth_speed()).c_str());
  std::fprintf(stderr, "bytes: %33s %14s %14s\n", "first token", "at most", "end");
  const auto print_process = [&](const char* name, uint64_t ProcessMemory::*member) {
    const auto figure = [&](const std::optional<ProcessMemory>& of) {
      return of ? std::optional((*of).*member) : std::nullopt;
    };
    print_bytes(name, figure(meter.memory_at_start()), figure(meter.memory_at_most()),
                figure(meter.memory_at_end()));
  };
  print_bytes("state, planned", memory.state_bytes, memory.state_bytes, memory.state_bytes);
  print_bytes("arena, planned", memory.arena_bytes, memory.arena_bytes, memory.arena_bytes);
  print_bytes("state and arena, pages in use", in_use_at_start, in_use_at_end, in_use_at_end);
  print_process("process, private", &ProcessMemory::private_bytes);
  print_process("process, resident", &ProcessMemory::resident_bytes);
}

void warn_of_context(const Model& model, const Options& options, size_t prompt_tokens) {
  const uint32_t context = with_defaults(options.session).context;
  if (options.quiet || !model.describe().has_context_limit ||
      prompt_tokens + options.max_tokens <= context) {
    return;
  }
  std::fprintf(stderr,
               "note: this model's softmax layers see the last %u tokens only; --context N "
               "makes that more\n",
               context);
}

int run(const Options& options) {
  const std::string prompt = read_prompt(options);
  const Model model = open_model(options.model);
  if (!model.describe().has_tokenizer) {
    throw std::runtime_error(options.model + " has no tokenizer: convert it again with " +
                             "'linnet convert … --tokenizer FILE'");
  }
  std::vector<int32_t> prompt_ids;
  require(model.tokenize(prompt, true, &prompt_ids));
  const size_t prompt_tokens =
      std::max<size_t>(1, prompt_ids.size());  // an empty one starts a text
  warn_of_context(model, options, prompt_tokens);

  linnet_memory memory = {};
  require(model.session_bytes(options.session, &memory));
  // Memory of one's own can be counted, but is filled with zeros first, page by page.
  std::optional<CountedPages> counted;
  if (options.stats) counted.emplace(memory.total_bytes);
  const CountedPages* block = counted ? &*counted : nullptr;
  Session session = open_session(model, options.session, counted ? counted->data() : nullptr);
  const auto generation = generation_options(model, options);
  GenerationMeter meter(prompt_tokens, options.max_tokens, options.stats);
  ProgressLine progress("Reading the prompt");
  Stream stream{&session, &meter, &progress, block, prompt_tokens};
  session.on_progress(
      [](size_t, size_t, void* context) { return static_cast<Stream*>(context)->advance(); },
      &stream);
  stop_on_interrupt();
  linnet_generated generated = {};
  const Result result = session.generate(
      prompt, generation, [&](std::string_view piece) { return stream.print(piece); }, &generated);
  progress.clear();
  meter.finish();
  if (stream.broken) throw std::runtime_error("cannot write to standard output");
  std::printf("\n");
  std::fflush(stdout);
  if (interrupted == 0) require(result);
  if (!options.quiet) print_summary(generated, generation, meter);
  if (options.stats) print_stats(meter, memory, stream.in_use, block->bytes_in_use());
  return interrupted != 0 ? interrupted_exit : 0;
}

void add_sampling_options(CLI::App* command, const std::shared_ptr<Options>& options) {
  const CLI::Range share(0.0, 1.0);
  command->add_option("--temperature", options->temperature, "0: the likeliest token always")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-k", options->top_k, "Keep the k likeliest tokens; 0: all");
  command->add_option("--top-p", options->top_p, "Keep the likeliest that sum to p; 1: all")
      ->check(share);
  command->add_option("--min-p", options->min_p, "Keep those p times as likely as the likeliest")
      ->check(share);
  command
      ->add_option("--repetition-penalty", options->repetition_penalty,
                   "Divides the logits of recent tokens; 1: none")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "Gives the same text again; else a random one");
}

}  // namespace

Command add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "Stream text that follows a prompt");
  command->add_option("model", options->model, "A .linnet file")->required();
  auto* prompt =
      command->add_option("--prompt,-p", options->prompt, "Text; - reads standard input");
  command->add_option("--prompt-file,-f", options->prompt_file, "A file with the prompt")
      ->excludes(prompt);
  command->add_option("-n,--tokens", options->max_tokens, "Most tokens to generate")
      ->capture_default_str();
  add_sampling_options(command, options);
  command->add_flag("--ignore-end", options->ignore_end, "Go on past the end of the text");
  command->add_option("--threads,-t", options->session.threads, "0: one per core, at most 8");
  command->add_option("--chunk", options->session.chunk, "Prompt tokens that run at once [256]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048]");
  command->add_flag("--quiet,-q", options->quiet, "No summary");
  command->add_flag("--stats", options->stats,
                    "Also show memory at the start and the end, and the speed of the first and "
                    "the last tenth");
  command->footer(
      "Sampling options not given are the model's own. Text goes to standard output, the summary\n"
      "to standard error. Ctrl-C stops.\n\n"
      "Example: linnet run model.linnet --prompt \"Call me\" -n 64 --temperature 0.8 --seed 1");
  return {command, [options] { return run(*options); }};
}

}  // namespace linnet::cli
