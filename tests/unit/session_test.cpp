#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <linnet/linnet.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tools/linnet/model_file.h"

namespace {

using linnet::Session;
using linnet::test::GoldenModel;

// One model with every kind of state: convolution tails, fast weights and a KV ring.
const GoldenModel& golden() {
  static const GoldenModel model("golden/hf/qwen3_5_text", "f32");
  return model;
}

linnet_session_options options_with(uint32_t chunk, uint32_t context = 64) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = chunk;
  options.context = context;
  return options;
}

std::vector<float> last_logits(Session& session, std::span<const int32_t> tokens) {
  std::vector<float> logits(golden().vocabulary());
  const auto result = session.run(tokens, logits.data());
  REQUIRE_MESSAGE(result.ok(), result.message());
  return logits;
}

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

TEST_CASE("the planned bytes are what a session needs: the caller's own block does") {
  const linnet_session_options options = options_with(8);
  linnet_memory memory = {};
  REQUIRE(golden().model().session_bytes(options, &memory).ok());
  CHECK(memory.total_bytes == memory.state_bytes + memory.arena_bytes);
  constexpr size_t guard = 64;
  const std::unique_ptr<void, FreeMemory> block(std::aligned_alloc(64, memory.total_bytes + guard));
  REQUIRE(block != nullptr);
  auto* bytes = static_cast<unsigned char*>(block.get());
  std::memset(bytes, 0xA5, memory.total_bytes + guard);
  Session session;
  REQUIRE(session.open(golden().model(), options, block.get()).ok());
  Session own;
  REQUIRE(own.open(golden().model(), options).ok());
  CHECK(last_logits(session, golden().tokens()) == last_logits(own, golden().tokens()));
  for (size_t i = 0; i < guard; ++i) CHECK(bytes[memory.total_bytes + i] == 0xA5);
}

TEST_CASE("state bytes do not depend on the chunk, the arena does") {
  linnet_memory small = {};
  linnet_memory large = {};
  REQUIRE(golden().model().session_bytes(options_with(1), &small).ok());
  REQUIRE(golden().model().session_bytes(options_with(128), &large).ok());
  CHECK(small.state_bytes == large.state_bytes);
  CHECK(small.arena_bytes < large.arena_bytes);
}

TEST_CASE("a reset session starts over") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  const std::vector<float> first = last_logits(session, golden().tokens());
  linnet_session_reset(session.get());
  CHECK(linnet_session_position(session.get()) == 0);
  CHECK(last_logits(session, golden().tokens()) == first);
}

TEST_CASE("a saved state goes on where it was, in another session too") {
  const std::span<const int32_t> tokens = golden().tokens();
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  (void)last_logits(session, tokens.first(20));
  std::vector<std::byte> saved(linnet_state_bytes(session.get()));
  linnet_message why = {};
  REQUIRE(linnet_state_save(session.get(), saved.data(), saved.size(), &why) == LINNET_OK);
  const std::vector<float> expected = last_logits(session, tokens.subspan(20));
  Session other;
  REQUIRE(other.open(golden().model(), options_with(8)).ok());
  REQUIRE(linnet_state_load(other.get(), saved.data(), saved.size(), &why) == LINNET_OK);
  CHECK(linnet_session_position(other.get()) == 20);
  CHECK(last_logits(other, tokens.subspan(20)) == expected);
}

TEST_CASE("a fork goes its own way from the same point") {
  const std::span<const int32_t> tokens = golden().tokens();
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  (void)last_logits(session, tokens.first(20));
  Session fork;
  REQUIRE(fork.fork(session).ok());
  CHECK(linnet_session_position(fork.get()) == 20);
  const std::vector<float> expected = last_logits(session, tokens.subspan(20));
  CHECK(last_logits(fork, tokens.subspan(20)) == expected);
}

TEST_CASE("a saved state that claims an impossible position is refused") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  constexpr size_t position_offset = 24;
  const uint64_t position = UINT64_MAX - 2;
  std::memcpy(&saved[position_offset], &position, sizeof position);
  CHECK(session.load(saved).status == LINNET_INVALID_ARGUMENT);
  CHECK(linnet_session_position(session.get()) == 0);
}

TEST_CASE("logits of no token are refused") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  float logit = 0;
  CHECK(session.run({}, &logit).status == LINNET_INVALID_ARGUMENT);
  CHECK(session.run({}).ok());
}

TEST_CASE("text is generated in a session that gives all logits, too") {
  const GoldenModel bundled("models/linnet-4m", "f32");
  linnet_generate_options options = bundled.model().generate_defaults();
  options.max_tokens = 12;
  options.seed = 3;
  std::string texts[2];
  for (const bool all_logits : {false, true}) {
    linnet_session_options session_options = options_with(8);
    session_options.all_logits = all_logits;
    Session session;
    REQUIRE(session.open(bundled.model(), session_options).ok());
    std::string& text = texts[all_logits ? 1 : 0];
    const auto result =
        session.generate("The people of the United States", options, [&](std::string_view part) {
          text += part;
          return true;
        });
    CHECK(result.ok());
  }
  CHECK_FALSE(texts[0].empty());
  CHECK(texts[0] == texts[1]);
}

TEST_CASE("a model without a tokenizer generates ids, those of the reference") {
  REQUIRE_FALSE(golden().model().describe().has_tokenizer);
  linnet_generate_options options = golden().model().generate_defaults();
  options.temperature = 0;
  options.max_tokens = static_cast<uint32_t>(golden().greedy().size());
  options.ignore_end = true;
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  std::vector<int32_t> ids;
  const auto prompt = std::span(golden().tokens()).first(16);
  const auto result = session.generate_ids(prompt, options, [&](int32_t id, std::string_view text) {
    ids.push_back(id);
    return text.empty();
  });
  REQUIRE_MESSAGE(result.ok(), result.message());
  CHECK(ids == golden().greedy());
  const auto from_text = session.generate("text", options, [](std::string_view) { return true; });
  CHECK(from_text.status == LINNET_UNSUPPORTED);
}

TEST_CASE("a state that does not fit is refused and changes nothing") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  std::vector<std::byte> saved(linnet_state_bytes(session.get()));
  linnet_message why = {};
  REQUIRE(linnet_state_save(session.get(), saved.data(), saved.size(), &why) == LINNET_OK);
  CHECK(linnet_state_load(session.get(), saved.data(), saved.size() - 1, &why) ==
        LINNET_INVALID_ARGUMENT);
  CHECK(linnet_state_load(session.get(), saved.data(), 3, &why) == LINNET_INVALID_ARGUMENT);
  const GoldenModel another("golden/ref/fla_rwkv7", "f32");
  Session of_another;
  REQUIRE(of_another.open(another.model(), options_with(8)).ok());
  CHECK(linnet_state_load(of_another.get(), saved.data(), saved.size(), &why) ==
        LINNET_INVALID_ARGUMENT);
  CHECK(std::string(why.text).find("another model") != std::string::npos);
  Session of_other_context;
  REQUIRE(of_other_context.open(golden().model(), options_with(8, 32)).ok());
  CHECK(linnet_state_load(of_other_context.get(), saved.data(), saved.size(), &why) ==
        LINNET_INVALID_ARGUMENT);
  CHECK(std::string(why.text).find("64") != std::string::npos);
}

TEST_CASE("a token outside the vocabulary is refused before anything runs") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  for (const int32_t bad : {-1, static_cast<int32_t>(golden().vocabulary())}) {
    const int32_t tokens[] = {1, 2, bad};
    const auto result = session.run(tokens);
    CHECK(result.status == LINNET_INVALID_ARGUMENT);
    CHECK(std::string(result.message()).find("index 2") != std::string::npos);
    CHECK(linnet_session_position(session.get()) == 0);
  }
}

TEST_CASE("progress is told after every chunk and can cancel between chunks") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  std::vector<size_t> seen;
  linnet_session_on_progress(
      session.get(),
      [](size_t done, size_t, void* context) {
        static_cast<std::vector<size_t>*>(context)->push_back(done);
        return done < 16;
      },
      &seen);
  const auto result = session.run(golden().tokens());
  CHECK(result.status == LINNET_CANCELLED);
  CHECK(seen == std::vector<size_t>{8, 16});
  CHECK(linnet_session_position(session.get()) == 16);
}

TEST_CASE("every operator of every chunk is told of, in the order of the graph") {
  struct Seen {
    std::vector<size_t> indices;
    std::vector<std::string> kinds;
    std::vector<std::string> names;
    uint64_t nanoseconds = 0;
  };
  Seen seen;
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  session.on_operator(
      [](const linnet_operator_run* run, void* context) {
        auto& all = *static_cast<Seen*>(context);
        all.indices.push_back(run->index);
        all.kinds.emplace_back(run->kind);
        all.names.emplace_back(run->name);
        all.nanoseconds += run->nanoseconds;
      },
      &seen);
  const auto begin = std::chrono::steady_clock::now();
  (void)last_logits(session, std::span(golden().tokens()).first(11));
  const auto taken = std::chrono::steady_clock::now() - begin;
  const linnet::cli::ModelFile file(golden().path());
  const auto& operators = *file.header().entry_points()->Get(0)->operators();
  REQUIRE(seen.indices.size() == 2 * operators.size());
  for (size_t i = 0; i < seen.indices.size(); ++i) {
    const auto index = static_cast<unsigned>(i % operators.size());
    const auto& op = *operators.Get(index);
    CHECK(seen.indices[i] == index);
    CHECK(seen.names[i] == op.name()->str());
    CHECK(seen.kinds[i] == linnet::schema::EnumNameAttributes(op.attributes_type()));
  }
  CHECK(seen.nanoseconds > 0);
  CHECK(std::chrono::nanoseconds(seen.nanoseconds) <= taken);
}

TEST_CASE("a watched run gives the same logits") {
  Session watched;
  Session plain;
  REQUIRE(watched.open(golden().model(), options_with(8)).ok());
  REQUIRE(plain.open(golden().model(), options_with(8)).ok());
  size_t count = 0;
  watched.on_operator(
      [](const linnet_operator_run*, void* context) { ++*static_cast<size_t*>(context); }, &count);
  CHECK(last_logits(watched, golden().tokens()) == last_logits(plain, golden().tokens()));
  CHECK(count > 0);
  const size_t before = count;
  watched.on_operator(nullptr, nullptr);
  (void)last_logits(watched, golden().tokens());
  CHECK(count == before);
}

TEST_CASE("running without logits leaves the same state as running with them") {
  const std::span<const int32_t> tokens = golden().tokens();
  Session with;
  Session without;
  REQUIRE(with.open(golden().model(), options_with(8)).ok());
  REQUIRE(without.open(golden().model(), options_with(8)).ok());
  (void)last_logits(with, tokens.first(20));
  REQUIRE(without.run(tokens.first(20)).ok());
  CHECK(last_logits(with, tokens.subspan(20)) == last_logits(without, tokens.subspan(20)));
}

TEST_CASE("options beyond the limits and misaligned memory are refused with a message") {
  Session session;
  linnet_session_options options = options_with(1U << 30);
  CHECK(session.open(golden().model(), options).status == LINNET_INVALID_ARGUMENT);
  alignas(64) static std::byte memory[128];
  const auto result = session.open(golden().model(), options_with(1), memory + 1);
  CHECK(result.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(result.message()).find("64-byte") != std::string::npos);
}

TEST_CASE("a run cancelled from elsewhere stops before its next operator, with an empty state") {
  Session session;
  REQUIRE(session.open(golden().model(), options_with(8)).ok());
  const std::vector<float> fresh = last_logits(session, golden().tokens());

  struct Seen {
    Session* session;
    size_t operators = 0;
  } seen = {&session};
  const linnet_operator_callback cancel_third = [](const linnet_operator_run*, void* context) {
    auto& found = *static_cast<Seen*>(context);
    if (++found.operators == 3) found.session->cancel();
  };
  session.on_operator(cancel_third, &seen);
  CHECK(session.run(golden().tokens()).status == LINNET_CANCELLED);
  CHECK(seen.operators == 3);
  CHECK(session.position() == 0);

  session.on_operator(nullptr, nullptr);
  CHECK(last_logits(session, golden().tokens()) == fresh);

  session.cancel();
  CHECK(session.run(golden().tokens()).status == LINNET_CANCELLED);
  CHECK(last_logits(session, golden().tokens()) == fresh);
}
