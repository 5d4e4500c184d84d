// linnet chat: a conversation, whose turns may be taken back.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/linnet/chat_format.h"
#include "tools/linnet/command.h"
#include "tools/linnet/conversation.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/interrupt.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/sampling_options.h"

namespace linnet::cli {
namespace {

constexpr const char* chat_help =
    "/again          another reply to the last turn\n"
    "/edit N TEXT    turn N with another text; the turns after it are forgotten\n"
    "/turns          the turns so far\n"
    "/help           this\n"
    "/quit           or the end of input\n";

struct Options {
  std::string model;
  std::string format = "auto";
  std::string system;
  std::string system_file;
  std::string prompt_cache;
  size_t max_tokens = 512;
  size_t checkpoints = 32;
  SamplingChoice sampling;
  linnet_session_options session = linnet_session_options_defaults();
  bool verbose = false;
};

/// The options with room for the checkpoints asked for.
linnet_session_options session_options(const Model& model, const Options& options) {
  linnet_session_options result = options.session;
  linnet_memory memory = {};
  require(model.session_bytes(result, &memory));
  result.checkpoint_bytes = options.checkpoints * memory.one_checkpoint_bytes;
  return result;
}

struct Line {
  std::string_view command;  ///< "" for what is said
  std::string_view rest;
};

Line parse(std::string_view line) {
  if (!line.starts_with('/')) return {"", line};
  const size_t end = std::min(line.find(' '), line.size());
  return {line.substr(0, end), line.substr(std::min(end + 1, line.size()))};
}

/// "2 Another text": a turn, counted from 1, and its text.
std::optional<size_t> take_turn(std::string_view* rest, size_t turns) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(rest->data(), rest->data() + rest->size(), number);
  const auto length = static_cast<size_t>(end - rest->data());
  if (error != std::errc() || number == 0 || number > turns || length + 1 >= rest->size()) {
    return std::nullopt;
  }
  rest->remove_prefix(length + 1);
  return number - 1;
}

class Chat {
 public:
  Chat(const Options& options, const Model& model, Conversation& conversation)
      : options_(options), model_(model), conversation_(conversation) {}

  /// Whether the conversation goes on.
  bool take(const std::string& line) {
    const Line parsed = parse(line);
    std::string_view rest = parsed.rest;
    const std::vector<std::string>& users = conversation_.users();
    if (parsed.command == "/quit") return false;
    if (parsed.command == "/help") {
      std::fputs(chat_help, stderr);
    } else if (parsed.command == "/turns") {
      for (size_t i = 0; i < users.size(); ++i)
        std::fprintf(stderr, "%zu %s\n", i + 1, users[i].c_str());
    } else if (parsed.command == "/again" && !users.empty()) {
      answer([&](auto&... with) { return conversation_.again(with...); });
    } else if (parsed.command == "/edit") {
      const std::optional<size_t> turn = take_turn(&rest, users.size());
      if (!turn) {
        complain("/edit takes the number of a turn, 1 to " + std::to_string(users.size()) +
                 ", and its new text");
      } else {
        answer(
            [&](auto&... with) { return conversation_.edit(*turn, std::string(rest), with...); });
      }
    } else if (!parsed.command.empty()) {
      complain("there is no " + std::string(parsed.command) + " here: /help tells what there is");
    } else if (!rest.empty()) {
      answer([&](auto&... with) { return conversation_.say(std::string(rest), with...); });
    }
    return true;
  }

  bool failed() const { return failed_; }

 private:
  void complain(const std::string& what) {
    failed_ = true;
    std::fprintf(stderr, "linnet chat: %s\n", what.c_str());
  }

  template <typename Ask>
  void answer(const Ask& ask) {
    linnet_generate_options generation = generation_options(model_, options_.sampling);
    generation.max_tokens = options_.max_tokens;
    const InterruptWatch watch;
    const Conversation::Sink print = [](std::string_view piece) {
      return std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size() &&
             std::fflush(stdout) == 0 && !InterruptWatch::interrupted();
    };
    try {
      const Reply reply = ask(generation, print);
      std::printf("\n");
      if (options_.verbose) {
        std::fprintf(stderr, "replayed: %zu tokens; written: %zu tokens\n", reply.replayed,
                     reply.written);
      }
    } catch (const std::runtime_error& error) {
      std::printf("\n");
      complain(error.what());
    }
    std::fflush(stdout);
  }

  const Options& options_;
  const Model& model_;
  Conversation& conversation_;
  bool failed_ = false;
};

int chat(const Options& options) {
  const Model model = open_model(options.model);
  const linnet_model_info info = model.describe();
  if (!info.has_tokenizer) {
    throw std::runtime_error(options.model + " has no tokenizer: convert it again with " +
                             "'linnet convert … --tokenizer FILE'");
  }
  if (!info.has_decoder || info.has_encoder) {
    throw std::runtime_error(options.model + " does not continue texts, which chat needs");
  }
  const ChatFormat& format = find_chat_format(model, options.format);
  Session session = open_session(model, session_options(model, options));
  session.on_progress([](size_t, size_t, void*) { return !InterruptWatch::interrupted(); },
                      nullptr);
  PromptCache cache(options.prompt_cache);
  const std::string system =
      options.system_file.empty() ? options.system : read_text_file(options.system_file);
  Conversation conversation(model, session, format, system, cache);
  if (options.verbose) {
    std::fprintf(stderr, "format: %s; system: %llu tokens, %zu of them from the cache\n",
                 format.name, static_cast<unsigned long long>(session.position()),
                 conversation.cached());
  }
  Chat loop(options, model, conversation);
  const bool on_terminal = isatty(STDIN_FILENO) != 0;
  if (on_terminal) std::fprintf(stderr, "/help tells what else there is.\n");
  std::string line;
  do {
    if (on_terminal) std::fprintf(stderr, "> ");
  } while (std::getline(std::cin, line) && loop.take(line));
  // A script must learn that a line of it came to nothing.
  return loop.failed() && !on_terminal ? 1 : 0;
}

std::vector<std::string> format_names() {
  std::vector<std::string> names = {"auto"};
  for (const ChatFormat& format : chat_formats()) names.emplace_back(format.name);
  return names;
}

}  // namespace

Command add_chat(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("chat", "Talk with a model, and take turns back");
  command->add_option("model", options->model, "A .linnet file")->required();
  auto* system = command->add_option("--system", options->system, "What the model is told first");
  command->add_option("--system-file", options->system_file, "A file with that")->excludes(system);
  command
      ->add_option("--template", options->format,
                   "How turns are written; auto: as the tokenizer's special tokens tell")
      ->check(CLI::IsMember(format_names()))
      ->capture_default_str();
  command->add_option("--prompt-cache", options->prompt_cache,
                      "A file that remembers what the model is told first, so that it need not be "
                      "read again; made where there is none");
  command->add_option("-n,--tokens", options->max_tokens, "Most tokens of a reply")
      ->capture_default_str();
  add_sampling_options(command, &options->sampling);
  command
      ->add_option("--checkpoints", options->checkpoints,
                   "States to keep; a turn needs two, and older ones are thinned out")
      ->check(CLI::Range(2, 1 << 16))
      ->capture_default_str();
  options->session.rewind = 512;
  command
      ->add_option("--rewind", options->session.rewind,
                   "Tokens that may be taken back once a conversation is longer than --context")
      ->capture_default_str();
  command->add_option("--threads,-t", options->session.threads, "0: one per core, at most 8");
  command->add_option("--chunk", options->session.chunk, "Tokens that are read at once [256]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048]");
  command->add_flag("--verbose,-v", options->verbose, "Tell how many tokens ran again");
  command->footer(
      "A line is a turn; /edit N TEXT and /again change one. The program in Jinja's language by\n"
      "which checkpoints say how they write turns is not run: the templates are built in, and\n"
      "--template overrules what the tokenizer's tokens tell. Ctrl-C ends a reply.\n\n"
      "Example: linnet chat model.linnet --system \"Be brief.\" --prompt-cache brief.cache");
  return {command, [options] { return chat(*options); }};
}

}  // namespace linnet::cli
