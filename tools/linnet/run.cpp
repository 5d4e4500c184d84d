// linnet run: streams the text that a model puts after a prompt.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "tools/linnet/command.h"
#include "tools/linnet/generation_meter.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/interrupt.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/progress_line.h"
#include "tools/linnet/prompt_cache.h"
#include "tools/linnet/sampling_options.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

struct Options {
  std::string model;
  std::optional<std::string> prompt;
  std::string prompt_file;
  std::string prompt_cache;
  size_t max_tokens = 128;
  SamplingChoice sampling;
  bool ignore_end = false;
  linnet_session_options session = linnet_session_options_defaults();
  bool quiet = false;
  bool stats = false;
};

std::string read_prompt(const Options& options) {
  if (!options.prompt_file.empty()) return read_text_file(options.prompt_file);
  if (!options.prompt) {
    throw std::runtime_error("no prompt: give --prompt TEXT, --prompt - or --prompt-file FILE");
  }
  return *options.prompt == "-" ? read_standard_input() : *options.prompt;
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
    return !InterruptWatch::interrupted();
  }

  bool print(std::string_view piece) {
    progress->clear();
    broken = std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() ||
             std::fflush(stdout) != 0;
    return !broken && advance();
  }
};

const char* stop_text(linnet_stop_reason stop) {
  if (InterruptWatch::interrupted()) return "interrupted";
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

/// Reads the prompt from its ids, of which the cache may have run the first ones before; it then
/// has all but the last, whose logits the text begins with.
Result generate_cached(PromptCache& cache, Session& session, std::span<const int32_t> prompt,
                       const linnet_generate_options& generation, Stream& stream,
                       linnet_generated* generated) {
  const auto beginning = prompt.first(prompt.size() - 1);
  const size_t restored = cache.restore(session, beginning);
  Result result = session.run(beginning.subspan(restored));
  if (!result.ok()) return result;
  if (!cache.served()) cache.keep(session, beginning);
  result = session.generate_ids(
      prompt.last(1), generation,
      [&stream](int32_t, std::string_view piece) { return stream.print(piece); }, generated);
  generated->prompt_tokens = prompt.size() - restored;
  return result;
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
  linnet_generate_options generation = generation_options(model, options.sampling);
  generation.max_tokens = options.max_tokens;
  generation.ignore_end = options.ignore_end;
  GenerationMeter meter(prompt_tokens, options.max_tokens, options.stats);
  ProgressLine progress("Reading the prompt");
  Stream stream{&session, &meter, &progress, block, prompt_tokens};
  session.on_progress(
      [](size_t, size_t, void* context) { return static_cast<Stream*>(context)->advance(); },
      &stream);
  const InterruptWatch watch;
  linnet_generated generated = {};
  PromptCache cache(options.prompt_cache);
  const Result result =
      cache.is_on() && !prompt_ids.empty()
          ? generate_cached(cache, session, prompt_ids, generation, stream, &generated)
          : session.generate(
                prompt, generation, [&](std::string_view piece) { return stream.print(piece); },
                &generated);
  progress.clear();
  meter.finish();
  if (stream.broken) throw std::runtime_error("cannot write to standard output");
  std::printf("\n");
  std::fflush(stdout);
  const bool interrupted = InterruptWatch::interrupted();
  if (!interrupted) require(result);
  if (!options.quiet) print_summary(generated, generation, meter);
  if (options.stats) print_stats(meter, memory, stream.in_use, block->bytes_in_use());
  return interrupted ? interrupted_exit : 0;
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
  add_sampling_options(command, &options->sampling);
  command->add_option("--prompt-cache", options->prompt_cache,
                      "A file that remembers the prompt, so that it need not run again; made where "
                      "there is none");
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
      "to standard error. Ctrl-C stops. A prompt cache serves prompts that begin with the whole "
      "of\n"
      "its own: for a beginning that many prompts share, make it from that alone, with -n 0.\n\n"
      "Example: linnet run model.linnet --prompt \"Call me\" -n 64 --temperature 0.8 --seed 1");
  return {command, [options] { return run(*options); }};
}

}  // namespace linnet::cli
