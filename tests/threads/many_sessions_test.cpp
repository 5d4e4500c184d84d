// Many sessions over one model, in turns and from many threads. ThreadSanitizer watches these (the
// preset tsan), and so they need the runtime alone; their model is a converted
// golden/hf/qwen3_5_text, which has fast weights, convolution tails and KV rings.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <linnet/linnet.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace {

using linnet::Model;
using linnet::Result;
using linnet::Session;

constexpr size_t session_count = 64;
constexpr size_t prompt_tokens = 5;
constexpr size_t text_tokens = 8;

/// Ends the test program: a thread of its own cannot fail a test.
void require(const Result& result) {
  if (result.ok()) return;
  std::fprintf(stderr, "%s\n", result.message());
  std::abort();
}

const Model& the_model() {
  static const Model model = [] {
    Model opened;
    require(opened.open(LINNET_TEST_MODEL));
    return opened;
  }();
  return model;
}

size_t vocabulary() { return the_model().describe().vocabulary; }

linnet_session_options small_options(uint32_t threads = 1) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = 4;
  options.context = 8;
  return options;
}

std::vector<int32_t> prompt_of(size_t text) {
  std::vector<int32_t> prompt;
  for (size_t t = 0; t < prompt_tokens; ++t) {
    prompt.push_back(static_cast<int32_t>((text * 71 + t * 13 + 2) % vocabulary()));
  }
  return prompt;
}

/// One text of a session: its prompt, then the likeliest token each time.
class Text {
 public:
  explicit Text(size_t number, uint32_t threads = 1) : prompt_(prompt_of(number)) {
    require(session_.open(the_model(), small_options(threads)));
    logits_.resize(vocabulary());
  }

  void step() {
    const std::span<const int32_t> next =
        tokens.empty() ? std::span<const int32_t>(prompt_) : std::span(&tokens.back(), 1);
    require(session_.run(next, logits_.data()));
    tokens.push_back(
        static_cast<int32_t>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin()));
  }

  std::vector<int32_t> tokens;

 private:
  Session session_;
  std::vector<int32_t> prompt_;
  std::vector<float> logits_;
};

std::vector<int32_t> written_alone(size_t number) {
  Text text(number);
  for (size_t i = 0; i < text_tokens; ++i) text.step();
  return text.tokens;
}

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

TEST_CASE("64 sessions in turns write what each writes alone") {
  std::vector<std::unique_ptr<Text>> texts;
  for (size_t i = 0; i < session_count; ++i) texts.push_back(std::make_unique<Text>(i));
  // Another order every time, so that each comes after each.
  for (size_t step = 0; step < text_tokens; ++step) {
    for (size_t i = 0; i < session_count; ++i) {
      texts[(i * (2 * step + 1) + step) % session_count]->step();
    }
  }
  bool any_differs = false;
  for (size_t i = 0; i < session_count; ++i) {
    CAPTURE(i);
    const std::vector<int32_t> expected = written_alone(i);
    CHECK(texts[i]->tokens == expected);
    any_differs = any_differs || expected != texts[0]->tokens;
  }
  CHECK(any_differs);
}

TEST_CASE("sessions on many threads over one model write what each writes alone") {
  constexpr size_t threads = 8;
  std::vector<std::vector<int32_t>> written(2 * threads);
  (void)the_model();
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&written, i] {
      for (size_t text = i; text < written.size(); text += threads) {
        // Every other one has threads of its own.
        Text own(text, text % 2 == 0 ? 1 : 2);
        for (size_t step = 0; step < text_tokens; ++step) own.step();
        written[text] = own.tokens;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  for (size_t i = 0; i < written.size(); ++i) CHECK(written[i] == written_alone(i));
}

TEST_CASE("a session is cancelled from another thread") {
  Session session;
  linnet_session_options options = small_options(2);
  REQUIRE(session.open(the_model(), options).ok());
  const std::vector<int32_t> prompt = prompt_of(1);
  std::thread cancelling([&session] { session.cancel(); });
  linnet_status status = LINNET_OK;
  while (status == LINNET_OK) status = session.run(prompt).status;
  cancelling.join();
  CHECK(status == LINNET_CANCELLED);
  CHECK(session.position() == 0);
  CHECK(session.run(prompt).ok());
}

TEST_CASE("sessions fork, save and load beside each other on many threads") {
  Session source;
  REQUIRE(source.open(the_model(), small_options()).ok());
  REQUIRE(source.run(prompt_of(3)).ok());
  std::vector<std::byte> saved;
  REQUIRE(source.save(&saved).ok());
  constexpr size_t count = 6;
  std::vector<std::vector<float>> logits(count, std::vector<float>(vocabulary()));
  std::vector<Session> sessions(count);
  for (size_t i = 0; i < count; i += 2) REQUIRE(sessions[i].fork(source).ok());
  std::vector<std::thread> running;
  for (size_t i = 0; i < count; ++i) {
    running.emplace_back([&sessions, &saved, &logits, i] {
      Session& own = sessions[i];
      if (i % 2 == 1) {
        require(own.open(the_model(), small_options()));
        require(own.load(saved));
      }
      std::vector<std::byte> again;
      require(own.save(&again));
      require(own.load(again));
      const int32_t token = 4;
      require(own.run({&token, 1}, logits[i].data()));
    });
  }
  for (std::thread& thread : running) thread.join();
  for (const std::vector<float>& row : logits) CHECK(row == logits[0]);
}

TEST_CASE("the memory of n sessions is n times what is planned, and what they touch is theirs") {
  linnet_memory memory = {};
  linnet_session_options options = small_options();
  REQUIRE(the_model().session_bytes(options, &memory).ok());
  options.checkpoint_bytes = 2 * memory.one_checkpoint_bytes;
  REQUIRE(the_model().session_bytes(options, &memory).ok());
  CHECK(memory.total_bytes == memory.state_bytes + memory.checkpoint_bytes + memory.arena_bytes);
  // One block, with a strip between sessions that none may write.
  constexpr size_t strip = 64;
  const size_t stride = static_cast<size_t>(memory.total_bytes) + strip;
  const std::unique_ptr<std::byte, FreeMemory> block(
      static_cast<std::byte*>(std::aligned_alloc(64, session_count * stride)));
  REQUIRE(block != nullptr);
  std::fill_n(block.get(), session_count * stride, std::byte{0x5a});
  std::vector<Session> sessions(session_count);
  for (size_t i = 0; i < session_count; ++i) {
    REQUIRE(sessions[i].open(the_model(), options, block.get() + i * stride).ok());
  }
  for (size_t i = 0; i < session_count; ++i) {
    REQUIRE(sessions[i].run(prompt_of(i)).ok());
    REQUIRE(sessions[i].checkpoint().ok());
    const std::byte* end = block.get() + (i + 1) * stride;
    CHECK(std::all_of(end - strip, end, [](std::byte b) { return b == std::byte{0x5a}; }));
  }
}
