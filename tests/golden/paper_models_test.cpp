// The models of the papers that fast weights come from, as their authors' code trained them: linear
// Transformer, Performer, and the fast weight programmers of 1991 and 2021. Converted, they repeat
// the logits that this code computed in float32. Tolerances as in language_model_test.cpp.

#include <doctest/doctest.h>

#include <span>
#include <string>

#include "tests/golden/golden_model.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::Session;
using linnet::cli::equal_argmax_rows;
using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::GoldenModel;

constexpr double reference_tolerance = 1e-3;
constexpr double chunk_tolerance = 1e-4;
// int8 costs these models, which are random and at most 64 wide, up to 0.022 of the logits' scale;
// twice that leaves room for other orders of summation.
constexpr double int8_tolerance = 0.045;

constexpr const char* streaming_cases[] = {"golden/ref/linear_transformer",
                                           "golden/ref/performer",
                                           "golden/ref/performer_relu",
                                           "golden/ref/fwp_delta",
                                           "golden/ref/fwp_sum",
                                           "golden/ref/fwp_delta_elu",
                                           "golden/ref/fwp_1991"};
constexpr const char* encoder_cases[] = {"golden/ref/performer_encoder"};

linnet_session_options options_with(uint32_t chunk) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = chunk;
  return options;
}

}  // namespace

TEST_CASE("papers: f32 weights reproduce the reference's logits and greedy tokens") {
  for (const std::string folder : streaming_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const double scale = largest_magnitude(golden.logits());
    CHECK(largest_difference(golden.run(/*chunk=*/128), golden.logits()) <
          reference_tolerance * scale);
    CHECK(golden.greedy().size() == 24);
    CHECK(golden.continue_greedily(/*chunk=*/16) == golden.greedy());
  }
}

TEST_CASE("papers: logits do not depend on how tokens are cut into chunks, nor on threads") {
  for (const std::string folder : streaming_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const std::vector<float> at_once = golden.run(/*chunk=*/128);
    const double allowed = chunk_tolerance * largest_magnitude(at_once);
    for (const uint32_t chunk : {1U, 7U}) {
      CAPTURE(chunk);
      CHECK(largest_difference(golden.run(chunk), at_once) < allowed);
      CHECK(largest_difference(golden.run(chunk, /*threads=*/2), at_once) < allowed);
    }
  }
}

TEST_CASE("papers: an encoder reproduces the reference's logits of every token, text after text") {
  for (const std::string folder : encoder_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    CHECK(golden.model().describe().has_encoder);
    const double scale = largest_magnitude(golden.logits());
    for (const uint32_t threads : {1U, 2U}) {
      CHECK(largest_difference(golden.run(/*chunk=*/64, threads), golden.logits()) <
            reference_tolerance * scale);
    }
    Session session;
    REQUIRE(session.open(golden.model(), options_with(48)).ok());
    std::vector<float> logits(golden.logits().size());
    for (int text = 0; text < 2; ++text) {
      REQUIRE(session.run(golden.tokens(), logits.data()).ok());
      CHECK(session.position() == 0);
      CHECK(largest_difference(logits, golden.logits()) < reference_tolerance * scale);
    }
  }
}

TEST_CASE("papers: int8 weights stay near the reference") {
  for (const auto& cases : {std::span<const char* const>(streaming_cases),
                            std::span<const char* const>(encoder_cases)}) {
    for (const std::string folder : cases) {
      CAPTURE(folder);
      const GoldenModel golden(folder, "int8");
      const double scale = largest_magnitude(golden.logits());
      const std::vector<float> logits = golden.run(/*chunk=*/64);
      CHECK(largest_difference(logits, golden.logits()) < int8_tolerance * scale);
    }
  }
}

// Performer's softmax kernel divides every key by the exponential of the largest projection so far,
// and adds an epsilon to what is left: what the second layer knows of a token changes when a later
// one sets a new maximum in the first.
TEST_CASE("papers: Performer's last row is that of the text so far, however the text comes in") {
  const GoldenModel golden("golden/ref/performer", "f32");
  const std::span<const int32_t> tokens = golden.tokens();
  const size_t vocabulary = golden.vocabulary();
  const double allowed = reference_tolerance * largest_magnitude(golden.logits());
  for (const size_t first : {size_t{1}, size_t{13}, tokens.size() - 1}) {
    CAPTURE(first);
    Session session;
    REQUIRE(session.open(golden.model(), options_with(8)).ok());
    std::vector<float> logits(vocabulary);
    REQUIRE(session.run(tokens.first(first), nullptr).ok());
    std::vector<std::byte> saved;
    REQUIRE(session.save(&saved).ok());
    Session other;
    REQUIRE(other.open(golden.model(), options_with(8)).ok());
    REQUIRE(other.load(saved).ok());
    const std::span<const float> expected(golden.logits());
    for (Session* each : {&session, &other}) {
      REQUIRE(each->run(tokens.subspan(first), logits.data()).ok());
      CHECK(each->position() == tokens.size());
      CHECK(largest_difference(logits, expected.last(vocabulary)) < allowed);
    }
  }
}

TEST_CASE("papers: a saved text with a token that does not exist is refused") {
  const GoldenModel golden("golden/ref/performer", "f32");
  Session session;
  REQUIRE(session.open(golden.model(), options_with(8)).ok());
  REQUIRE(session.run(std::span(golden.tokens()).first(5)).ok());
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  REQUIRE(session.load(saved).ok());
  // The five tokens lie behind all other state.
  saved[saved.size() - 5 * sizeof(int32_t) + 3] = std::byte{0x7F};
  const auto refused = session.load(saved);
  CHECK(refused.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(refused.message()).find("saved state") != std::string::npos);
  CHECK(session.position() == 5);
}

TEST_CASE("papers: more tokens than there are positions are refused before anything runs") {
  for (const std::string folder : {"golden/ref/linear_transformer", "golden/ref/performer"}) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const size_t positions = golden.model().describe().positions;
    CHECK(positions == (folder == "golden/ref/performer" ? 64 : 80));
    Session session;
    REQUIRE(session.open(golden.model(), options_with(16)).ok());
    const std::vector<int32_t> tokens(positions, 1);
    REQUIRE(session.run(std::span(tokens).first(positions - 1)).ok());
    const auto refused = session.run(std::span(tokens).first(2));
    CHECK(refused.status == LINNET_INVALID_ARGUMENT);
    CHECK(std::string(refused.message()).find(std::to_string(positions)) != std::string::npos);
    CHECK(session.position() == positions - 1);
    CHECK(session.run(std::span(tokens).first(1)).ok());
    CHECK_FALSE(session.run(std::span(tokens).first(1)).ok());
    session.reset();
    CHECK(session.run(tokens).ok());
  }
}

TEST_CASE("papers: a text longer than an encoder's chunk is refused with the chunk that would do") {
  const GoldenModel golden("golden/ref/performer_encoder", "f32");
  Session session;
  REQUIRE(session.open(golden.model(), options_with(47)).ok());
  std::vector<float> logits(golden.logits().size());
  const auto refused = session.run(golden.tokens(), logits.data());
  CHECK(refused.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(refused.message()).find("a chunk of 48") != std::string::npos);
  CHECK(session.run(std::span(golden.tokens()).first(47), logits.data()).ok());
  linnet_memory memory = {};
  REQUIRE(golden.model().session_bytes(options_with(47), &memory).ok());
  CHECK(memory.state_bytes == 0);
}
