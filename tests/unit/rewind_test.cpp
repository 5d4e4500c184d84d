// Going back in a stream: what comes after is what would have come in a session that had never gone
// further.

#include <doctest/doctest.h>

#include <algorithm>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/golden/seq2seq_model.h"

namespace {

using linnet::Model;
using linnet::Session;
using linnet::test::GoldenModel;

struct Budget {
  uint32_t context = 64;
  uint32_t rewind = 0;
  size_t checkpoints = 8;
};

linnet_session_options options_for(const Model& model, const Budget& budget) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 1;  // a replay in other chunks might differ in the last bit
  options.context = budget.context;
  options.rewind = budget.rewind;
  linnet_memory memory = {};
  REQUIRE(model.session_bytes(options, &memory).ok());
  options.checkpoint_bytes = budget.checkpoints * memory.one_checkpoint_bytes;
  return options;
}

Session open(const Model& model, const Budget& budget) {
  Session session;
  const auto result = session.open(model, options_for(model, budget));
  REQUIRE_MESSAGE(result.ok(), result.message());
  return session;
}

/// Made up, but of the vocabulary.
std::vector<int32_t> tokens_of(const Model& model, size_t count, int32_t seed = 0) {
  const auto vocabulary = static_cast<int32_t>(model.describe().vocabulary);
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back((static_cast<int32_t>(i) * 37 + 11 + seed * 101) % vocabulary);
  }
  return tokens;
}

std::vector<float> run(const Model& model, Session& session, std::span<const int32_t> tokens) {
  std::vector<float> logits(model.describe().vocabulary);
  const auto result = session.run(tokens, logits.data());
  REQUIRE_MESSAGE(result.ok(), result.message());
  return logits;
}

/// Runs a stream with a checkpoint every `every` tokens.
void run_with_checkpoints(Session& session, std::span<const int32_t> tokens, size_t every) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    REQUIRE(session.run(tokens.subspan(i, 1)).ok());
    if ((i + 1) % every == 0) REQUIRE(session.checkpoint().ok());
  }
}

/// Goes back to `position`, replays, goes on another way, and compares with a session that went
/// that way at once. Returns where the replay began.
uint64_t check_rewind(const Model& model, const Budget& budget, Session& session,
                      std::span<const int32_t> tokens, uint64_t position) {
  CAPTURE(position);
  uint64_t from = UINT64_MAX;
  REQUIRE(session.rewind(position, &from).ok());
  REQUIRE(from <= position);
  CHECK(session.position() == from);
  REQUIRE(session.run(tokens.subspan(from, position - from)).ok());
  const std::vector<int32_t> other = tokens_of(model, 3, /*seed=*/7);
  Session straight = open(model, budget);
  REQUIRE(straight.run(tokens.first(position)).ok());
  CHECK(run(model, session, other) == run(model, straight, other));
  return from;
}

}  // namespace

TEST_CASE("every family goes back to a checkpoint and replays the rest") {
  for (const char* folder :
       {"golden/hf/qwen3_5_text", "golden/hf/mamba", "golden/hf/recurrent_gemma", "golden/hf/rwkv",
        "golden/hf/xlstm", "golden/hf/falcon_h1", "golden/ref/rwkv7_pth", "golden/ref/fla_gsa",
        "golden/ref/ulmfit_lm", "golden/ref/performer", "golden/ref/linear_transformer"}) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const Model& model = golden.model();
    // RecurrentGemma's window of 16 tokens comes round.
    const Budget budget = {.context = 64, .rewind = 16};
    const std::vector<int32_t> tokens = tokens_of(model, 22);
    Session session = open(model, budget);
    run_with_checkpoints(session, tokens, 5);
    CHECK(check_rewind(model, budget, session, tokens, 18) == 15);
    CHECK(check_rewind(model, budget, session, tokens, 10) == 10);
    // The checkpoints beyond that are of a text that is no more.
    CHECK(check_rewind(model, budget, session, tokens, 7) == 5);
    CHECK(check_rewind(model, budget, session, tokens, 3) == 0);
  }
}

TEST_CASE("softmax layers alone go back anywhere, without a checkpoint or a replay") {
  for (const char* folder : {"golden/hf/llama", "golden/hf/gpt2", "golden/hf/qwen3"}) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const Budget budget = {.context = 40, .rewind = 0, .checkpoints = 0};
    const std::vector<int32_t> tokens = tokens_of(golden.model(), 30);
    Session session = open(golden.model(), budget);
    REQUIRE(session.run(tokens).ok());
    CHECK(session.checkpoint().ok());
    for (const uint64_t position : {29, 20, 19, 1, 0}) {
      CHECK(check_rewind(golden.model(), budget, session, tokens, position) == position);
    }
  }
}

TEST_CASE("a ring that has come round to what is seen cannot go back, but for the rows it spares") {
  const GoldenModel golden("golden/hf/llama", "f32");
  const Model& model = golden.model();
  const std::vector<int32_t> tokens = tokens_of(model, 60);
  for (const uint32_t rewind : {0U, 5U}) {
    CAPTURE(rewind);
    // Token 25 sees tokens 10 to 24, which token 26 + rewind begins to overwrite.
    for (const size_t length : {26U, 27U, 31U, 32U, 58U}) {
      CAPTURE(length);
      const Budget budget = {.context = 16, .rewind = rewind, .checkpoints = 0};
      Session session = open(model, budget);
      REQUIRE(session.run(std::span(tokens).first(length)).ok());
      const uint64_t from = check_rewind(model, budget, session, tokens, 25);
      CHECK(from == (length <= 26 + rewind ? 25 : 0));
    }
  }
}

TEST_CASE("rows that an abandoned way has overwritten stay overwritten") {
  const GoldenModel golden("golden/hf/llama", "f32");
  const Model& model = golden.model();
  const Budget budget = {.context = 16, .rewind = 4, .checkpoints = 0};
  const std::vector<int32_t> tokens = tokens_of(model, 40);
  Session session = open(model, budget);
  REQUIRE(session.run(std::span(tokens).first(30)).ok());
  uint64_t from = 0;
  REQUIRE(session.rewind(26, &from).ok());
  CHECK(from == 26);
  // Up to token 30 the ring was written before: 24 needs what token 30 overwrote.
  CHECK(check_rewind(model, budget, session, tokens, 24) == 0);
}

TEST_CASE(
    "windows and recurrent states together: a checkpoint that the ring left behind is not used") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  const Model& model = golden.model();
  const std::vector<int32_t> tokens = tokens_of(model, 60);
  for (const uint32_t rewind : {0U, 20U}) {
    CAPTURE(rewind);
    const Budget budget = {.context = 16, .rewind = rewind};
    Session session = open(model, budget);
    run_with_checkpoints(session, tokens, 10);
    const uint64_t expected = rewind == 0 ? 0 : 50;
    CHECK(check_rewind(model, budget, session, tokens, 55) == expected);
  }
  // Of RecurrentGemma's window of 16 tokens, too.
  const GoldenModel windowed("golden/hf/recurrent_gemma", "f32");
  const Budget budget = {.context = 64, .rewind = 12};
  const std::vector<int32_t> text = tokens_of(windowed.model(), 80);
  Session session = open(windowed.model(), budget);
  run_with_checkpoints(session, text, 10);
  CHECK(check_rewind(windowed.model(), budget, session, text, 75) == 70);
}

TEST_CASE("text beyond a context with spare rows is what it is without them") {
  const GoldenModel golden("golden/hf/gemma3_text", "f32");
  const std::vector<int32_t> tokens = tokens_of(golden.model(), 90);
  Session plain = open(golden.model(), {.context = 20});
  Session spared = open(golden.model(), {.context = 20, .rewind = 13});
  for (const int32_t token : tokens) {
    REQUIRE(run(golden.model(), plain, {&token, 1}) == run(golden.model(), spared, {&token, 1}));
  }
}

TEST_CASE("an encoder-decoder goes back to its start with the source still in sight") {
  const linnet::test::Seq2SeqModel golden("golden/hf/marian", "f32");
  Session session = golden.open(/*context=*/128);
  linnet::test::encode(session, golden.source());
  const std::vector<float> first = golden.run(session, golden.target());
  for (const uint64_t position : {uint64_t{1}, uint64_t{0}}) {
    uint64_t from = 9;
    REQUIRE(session.rewind(position, &from).ok());
    CHECK(from == position);
    std::vector<int32_t> rest(golden.target().begin() + static_cast<std::ptrdiff_t>(from),
                              golden.target().end());
    CHECK(golden.run(session, rest) == first);
  }
}

TEST_CASE("what cannot be gone back to is refused with a message, and nothing changes") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  const std::vector<int32_t> tokens = tokens_of(golden.model(), 6);
  Session session = open(golden.model(), {});
  REQUIRE(session.run(tokens).ok());
  uint64_t from = 0;
  const auto refused = session.rewind(7, &from);
  CHECK(refused.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(refused.message()).find("position 7") != std::string::npos);
  CHECK(session.position() == 6);
}

TEST_CASE("a checkpoint without room for one is refused, at open or later") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  linnet_session_options options = options_for(golden.model(), {.checkpoints = 0});
  Session session;
  REQUIRE(session.open(golden.model(), options).ok());
  CHECK(session.checkpoint().status == LINNET_INVALID_ARGUMENT);
  options.checkpoint_bytes = 1;
  const auto result = session.open(golden.model(), options);
  CHECK(result.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(result.message()).find("checkpoint") != std::string::npos);
}

TEST_CASE(
    "checkpoints take the planned bytes of the session's block, and no more than the budget") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  linnet_session_options options = options_for(golden.model(), {.checkpoints = 0});
  linnet_memory without = {};
  REQUIRE(golden.model().session_bytes(options, &without).ok());
  CHECK(without.checkpoint_bytes == 0);
  options.checkpoint_bytes = 3 * without.one_checkpoint_bytes + 5;
  linnet_memory with = {};
  REQUIRE(golden.model().session_bytes(options, &with).ok());
  CHECK(with.checkpoint_bytes == 3 * without.one_checkpoint_bytes);
  CHECK(with.total_bytes == without.total_bytes + with.checkpoint_bytes);
  CHECK(with.total_bytes == with.state_bytes + with.checkpoint_bytes + with.arena_bytes);
}

TEST_CASE("reset and load forget checkpoints; a fork has its own") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  const Model& model = golden.model();
  const std::vector<int32_t> tokens = tokens_of(model, 20);
  Session session = open(model, {});
  run_with_checkpoints(session, tokens, 6);
  Session fork;
  REQUIRE(fork.fork(session).ok());
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  REQUIRE(session.load(saved).ok());
  CHECK(check_rewind(model, {}, session, tokens, 14) == 0);
  CHECK(check_rewind(model, {}, fork, tokens, 14) == 12);
  session.reset();
  REQUIRE(session.run(std::span(tokens).first(10)).ok());
  CHECK(check_rewind(model, {}, session, tokens, 8) == 0);
}
