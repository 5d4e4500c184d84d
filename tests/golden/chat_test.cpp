// linnet chat and prompt caches, from end to end.
#include <doctest/doctest.h>

#include <fstream>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/golden/program.h"
#include "tests/unit/temp_folder.h"
#include "tools/linnet/chat_format.h"
#include "tools/linnet/conversation.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/prompt_cache.h"

namespace linnet::test {
namespace {

using cli::ChatFormat;
using cli::Conversation;
using cli::PromptCache;

const GoldenModel& bundled() {
  static const GoldenModel model("models/linnet-4m", "f32");
  return model;
}

const ChatFormat& plain() { return cli::find_chat_format(bundled().model(), "plain"); }

linnet_session_options chat_options() {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 1;  // so that what runs again has the same bits
  linnet_memory memory = {};
  cli::require(bundled().model().session_bytes(options, &memory));
  options.checkpoint_bytes = 8 * memory.one_checkpoint_bytes;
  return options;
}

linnet_generate_options greedy() {
  linnet_generate_options options = bundled().model().generate_defaults();
  options.temperature = 0;
  options.max_tokens = 12;
  return options;
}

/// A conversation in a session of its own.
struct Talk {
  explicit Talk(const std::string& system = "", const std::string& cache_path = "")
      : session(cli::open_session(bundled().model(), chat_options())),
        cache(cache_path),
        conversation(bundled().model(), session, plain(), system, cache) {}

  std::string say(const std::string& text) {
    return collect([&](const auto& sink) { return conversation.say(text, greedy(), sink); });
  }
  std::string edit(size_t turn, const std::string& text) {
    return collect([&](const auto& sink) { return conversation.edit(turn, text, greedy(), sink); });
  }
  std::string again() {
    return collect([&](const auto& sink) { return conversation.again(greedy(), sink); });
  }

  Session session;
  PromptCache cache;
  Conversation conversation;
  cli::Reply last;

 private:
  template <typename Ask>
  std::string collect(const Ask& ask) {
    std::string text;
    last = ask([&text](std::string_view piece) {
      text += piece;
      return true;
    });
    return text;
  }
};

void replace_byte(const std::string& path, std::streamoff offset, char value) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.put(value);
}

}  // namespace

TEST_CASE("a reply anew is the same text, and nothing but the last token runs again") {
  Talk talk;
  (void)talk.say("Where is the sea?");
  const std::string reply = talk.say("And the river?");
  CHECK_FALSE(reply.empty());
  const uint64_t position = talk.session.position();
  CHECK(talk.again() == reply);
  CHECK(talk.last.replayed <= 1);
  CHECK(talk.session.position() == position);
}

TEST_CASE("an edited turn goes on as if the turns after it had never been") {
  Talk talk;
  (void)talk.say("Where is the sea?");
  (void)talk.say("And the river?");
  (void)talk.say("And the king?");
  const std::string edited = talk.edit(1, "Who is there?");
  CHECK(talk.last.replayed == 0);
  CHECK(talk.conversation.users() ==
        std::vector<std::string>{"Where is the sea?", "Who is there?"});
  Talk straight;
  (void)straight.say("Where is the sea?");
  CHECK(straight.say("Who is there?") == edited);
  CHECK(talk.say("Now?") == straight.say("Now?"));
  CHECK(talk.edit(0, "First.") == Talk().say("First."));
}

TEST_CASE("a system's text that a cache has seen is not read again, and replies do not change") {
  const TempFolder folder;
  const std::string path = folder.file("system.cache");
  const std::string system = "This is a history of the United States and of the sea.";
  Talk first(system, path);
  CHECK(first.conversation.cached() == 0);
  Talk second(system, path);
  CHECK(second.conversation.cached() == second.session.position());
  CHECK(second.conversation.cached() > 5);
  CHECK(second.say("Where?") == first.say("Where?"));
  Talk other("Something else.", path);
  CHECK(other.conversation.cached() == 0);
  CHECK(Talk("Something else.", path).conversation.cached() > 0);
  Talk without(system);
  CHECK(without.say("Where?") == Talk(system, path).say("Where?"));
}

TEST_CASE("a cache of another model, or a damaged one, is made anew") {
  const TempFolder folder;
  const std::string path = folder.file("system.cache");
  const std::string system = "This is a history of the sea.";
  (void)Talk(system, path);
  const std::string whole = read_file(path);
  for (const size_t size : {size_t{0}, size_t{3}, size_t{15}, size_t{20}, whole.size() - 1}) {
    CAPTURE(size);
    folder.write("system.cache", whole.substr(0, size));
    CHECK(Talk(system, path).conversation.cached() == 0);
    CHECK(read_file(path) == whole);
  }
  // A byte each of the magic, the version, the number of tokens, and the hash of the model.
  const size_t tokens = Talk(system).session.position();
  const auto model = static_cast<std::streamoff>(16 + 4 * tokens + 16);
  for (const std::streamoff offset :
       {std::streamoff{0}, std::streamoff{8}, std::streamoff{14}, model}) {
    CAPTURE(offset);
    replace_byte(path, offset, '\x7f');
    CHECK(Talk(system, path).conversation.cached() == 0);
    CHECK(read_file(path) == whole);
  }
}

TEST_CASE("softmax layers alone serve a beginning that two prompts have in common") {
  const GoldenModel golden("golden/hf/llama", "f32");
  const TempFolder folder;
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  const std::vector<int32_t> tokens(golden.tokens().begin(), golden.tokens().begin() + 20);
  Session session = cli::open_session(golden.model(), options);
  cli::require(session.run(tokens));
  PromptCache(folder.file("llama.cache")).keep(session, tokens);
  std::vector<int32_t> prompt = tokens;
  prompt[12] ^= 1;
  Session other = cli::open_session(golden.model(), options);
  PromptCache cache(folder.file("llama.cache"));
  CHECK(cache.restore(other, prompt) == 12);
  CHECK(other.position() == 12);
  CHECK_FALSE(cache.served());
}

TEST_CASE("formats are told by the tokenizer's tokens and filled in") {
  CHECK(std::string(cli::find_chat_format(bundled().model(), "auto").name) == "plain");
  CHECK_FAILS_WITH(cli::find_chat_format(bundled().model(), "jinja"), "jinja");
  const ChatFormat& chatml = cli::find_chat_format(bundled().model(), "chatml");
  CHECK(cli::opening_text(chatml, "").empty());
  CHECK(cli::opening_text(chatml, "Be brief.") == "<|im_start|>system\nBe brief.<|im_end|>\n");
  CHECK(cli::turn_text(chatml, "Hi {}", true) ==
        "<|im_start|>user\nHi {}<|im_end|>\n<|im_start|>assistant\n");
  const ChatFormat& gemma = cli::find_chat_format(bundled().model(), "gemma");
  CHECK(cli::opening_text(gemma, "Be brief.") + cli::turn_text(gemma, "Hi", true) ==
        "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n");
  CHECK(cli::turn_text(gemma, "Hi", false).starts_with("<start_of_turn>user\nHi"));
}

TEST_CASE("the program talks over standard input and takes turns back") {
  const std::vector<std::string> arguments = {
      "chat", bundled().path(), "-n", "8", "--temperature", "0", "--threads", "1", "--verbose"};
  const Finished finished =
      run_linnet(arguments, "Where is the sea?\n/again\n/edit 1 Who is there?\n/turns\n");
  INFO(finished.output << "\n" << finished.errors);
  CHECK(finished.exit_code == 0);
  CHECK(finished.errors.find("format: plain") != std::string::npos);
  CHECK(finished.errors.find("replayed: ") != std::string::npos);
  CHECK(finished.errors.find("1 Who is there?") != std::string::npos);
  std::vector<std::string> replies;
  for (size_t at = 0; at < finished.output.size();) {
    const size_t end = finished.output.find('\n', at);
    replies.push_back(finished.output.substr(at, end - at));
    at = end + 1;
  }
  REQUIRE(replies.size() == 3);
  CHECK(replies[0] == replies[1]);
  const Finished wrong = run_linnet(arguments, "/edit 3 Text\n/nonsense\n");
  CHECK(wrong.exit_code == 1);
  CHECK(wrong.errors.find("/edit takes") != std::string::npos);
  CHECK(wrong.errors.find("/nonsense") != std::string::npos);
}

TEST_CASE("run --prompt-cache reads a prompt once") {
  const TempFolder folder;
  const std::string cache = folder.file("prompt.cache");
  const auto run = [&](const std::string& prompt, const std::string& tokens) {
    return run_linnet({"run", bundled().path(), "--prompt", prompt, "-n", tokens, "--temperature",
                       "0", "--chunk", "1", "--prompt-cache", cache});
  };
  const std::string beginning = "The people of the United States and the river";
  const Finished made = run(beginning, "8");
  const Finished used = run(beginning, "8");
  INFO(made.errors << used.errors);
  CHECK(made.exit_code == 0);
  CHECK(used.exit_code == 0);
  CHECK(used.output == made.output);
  CHECK(made.errors.find("prompt: 1 tokens") == std::string::npos);
  CHECK(used.errors.find("prompt: 1 tokens") != std::string::npos);
  // A prompt that goes on where the cache ends is served, and the file stays as it is.
  const std::string before = read_file(cache);
  CHECK(run(beginning + " of the king", "2").exit_code == 0);
  CHECK(read_file(cache) == before);
  CHECK(run("Once upon a time", "2").exit_code == 0);
  CHECK(read_file(cache) != before);
}

}  // namespace linnet::test
