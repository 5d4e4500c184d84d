// Sessions of encoder-decoders: what follows a source, hypotheses side by side, and the search for
// the best text.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/seq2seq_model.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::Session;
using linnet::cli::argmax;
using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::encode;
using linnet::test::Seq2SeqModel;
using Tokens = std::vector<int32_t>;

const Seq2SeqModel& bart() {
  static const Seq2SeqModel model("golden/hf/bart", "f32");
  return model;
}

const Seq2SeqModel& t5() {
  static const Seq2SeqModel model("golden/hf/t5", "f32");
  return model;
}

// Rows of a product may be summed in another order when there are more of them.
constexpr double rows_tolerance = 1e-5;

Tokens reversed(Tokens tokens) {
  std::reverse(tokens.begin(), tokens.end());
  return tokens;
}

std::vector<float> run_beams(Session& session, const Tokens& tokens,
                             const std::vector<uint32_t>& parents, size_t vocabulary) {
  std::vector<float> logits(tokens.size() * vocabulary);
  const auto result = session.run_beams(tokens, parents, logits.data());
  REQUIRE_MESSAGE(result.ok(), result.message());
  return logits;
}

/// Logits after a whole target, in a session of its own.
std::vector<float> run_alone(const Seq2SeqModel& golden, const Tokens& target) {
  Session session = golden.open(64);
  encode(session, golden.source());
  return golden.run(session, target);
}

double log_probability(const std::vector<float>& logits, size_t token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(logits[token]) - std::log(sum);
}

}  // namespace

TEST_CASE("a decoder without an encoded source is refused, and one source at a time is encoded") {
  Session session = bart().open(64);
  const Tokens target = {2, 5};
  const auto refused = session.run(target);
  CHECK(refused.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(refused.message()).find("linnet_encode") != std::string::npos);
  const size_t lengths[] = {2, 2};
  const Tokens two = {3, 4, 5, 6};
  CHECK(session.encode({two.data(), nullptr, nullptr, lengths, 2}).status ==
        LINNET_INVALID_ARGUMENT);
}

TEST_CASE("to encode again is to start afresh") {
  for (const Seq2SeqModel* golden : {&bart(), &t5()}) {
    Session session = golden->open(64);
    encode(session, golden->source());
    const std::vector<float> first = golden->run(session, golden->target());
    encode(session, reversed(golden->source()));
    CHECK(session.position() == 0);
    const std::vector<float> other = golden->run(session, golden->target());
    CHECK(largest_difference(first, other) > 1e-3 * largest_magnitude(first));
    encode(session, golden->source());
    CHECK(golden->run(session, golden->target()) == first);
  }
}

TEST_CASE("a shorter source is not seen beyond its end") {
  Tokens cut = bart().source();
  cut.resize(5);
  Session fresh = bart().open(64);
  encode(fresh, cut);
  Session used = bart().open(64);
  encode(used, bart().source());
  encode(used, cut);
  CHECK(bart().run(used, bart().target()) == bart().run(fresh, bart().target()));
}

TEST_CASE("a saved state has its source with it, and another session goes on from there") {
  const Tokens begin(bart().target().begin(), bart().target().begin() + 4);
  const Tokens rest(bart().target().begin() + 4, bart().target().end());
  Session session = bart().open(64);
  encode(session, bart().source());
  bart().run(session, begin);
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  const std::vector<float> expected = bart().run(session, rest);
  Session other = bart().open(64);
  REQUIRE(other.load(saved).ok());
  CHECK(other.position() == 4);
  CHECK(bart().run(other, rest) == expected);
  Session small;
  linnet_session_options options = linnet_session_options_defaults();
  options.chunk = 32;
  options.context = 64;
  REQUIRE(small.open(bart().model(), options).ok());
  CHECK_FALSE(small.load(saved).ok());
}

TEST_CASE("a fork goes its own way from the same source") {
  Session session = t5().open(64);
  encode(session, t5().source());
  t5().run(session, {0, 7});
  Session fork;
  REQUIRE(fork.fork(session).ok());
  t5().run(session, {9});
  const std::vector<float> forked = t5().run(fork, {11});
  CHECK(largest_difference(forked, run_alone(t5(), {0, 7, 11})) <
        rows_tolerance * largest_magnitude(forked));
}

TEST_CASE("hypotheses side by side are what each would be alone") {
  for (const Seq2SeqModel* golden : {&bart(), &t5()}) {
    Session session = golden->open(16, /*beams=*/3);
    encode(session, golden->source());
    golden->run(session, {2, 4});
    std::vector<Tokens> texts(3, Tokens{2, 4});
    const std::vector<std::vector<uint32_t>> parents = {{0, 0, 0}, {0, 1, 2}, {2, 0, 2},
                                                        {1, 1, 0}, {0, 2},    {1, 0, 1}};
    for (size_t step = 0; step < parents.size(); ++step) {
      Tokens tokens;
      std::vector<Tokens> next;
      for (size_t i = 0; i < parents[step].size(); ++i) {
        tokens.push_back(static_cast<int32_t>(10 + 7 * step + 3 * i));
        next.push_back(texts.at(parents[step][i]));
        next.back().push_back(tokens.back());
      }
      texts = std::move(next);
      const auto logits = run_beams(session, tokens, parents[step], golden->vocabulary());
      for (size_t i = 0; i < texts.size(); ++i) {
        const auto row = std::span(logits).subspan(i * golden->vocabulary(), golden->vocabulary());
        const std::vector<float> alone = run_alone(*golden, texts[i]);
        CHECK(largest_difference(row, alone) < rows_tolerance * largest_magnitude(alone));
      }
    }
    texts[0].push_back(5);
    const std::vector<float> alone = run_alone(*golden, texts[0]);
    CHECK(largest_difference(golden->run(session, {5}), alone) <
          rows_tolerance * largest_magnitude(alone));
  }
}

TEST_CASE("hypotheses that are not there, too many, too long or of other models are refused") {
  Session session = bart().open(4, /*beams=*/2);
  encode(session, bart().source());
  bart().run(session, {2});
  std::vector<float> logits(3 * bart().vocabulary());
  const auto refused = [&](const Tokens& tokens, const std::vector<uint32_t>& parents) {
    return session.run_beams(tokens, parents, logits.data()).status == LINNET_INVALID_ARGUMENT;
  };
  CHECK(refused({3}, {1}));              // only hypothesis 0 is there after run
  CHECK(refused({3, 4, 5}, {0, 0, 0}));  // two beams
  CHECK(refused({1 << 20}, {0}));        // no such token
  CHECK_FALSE(refused({3, 4}, {0, 0}));
  CHECK_FALSE(refused({3, 4}, {1, 0}));
  CHECK_FALSE(refused({3, 4}, {1, 0}));
  CHECK(refused({3, 4}, {1, 0}));  // four tokens each
  Session plain = bart().open(64);
  encode(plain, bart().source());
  CHECK_FALSE(plain.run_beams(Tokens{2}, std::vector<uint32_t>{0}, logits.data()).ok());
}

TEST_CASE("hypotheses are part of a saved state") {
  Session session = bart().open(8, /*beams=*/2);
  encode(session, bart().source());
  bart().run(session, {2});
  run_beams(session, {7, 9}, {0, 0}, bart().vocabulary());
  run_beams(session, {8, 6}, {1, 0}, bart().vocabulary());
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  Session other = bart().open(8, /*beams=*/2);
  REQUIRE(other.load(saved).ok());
  CHECK(run_beams(other, {4, 5}, {1, 0}, bart().vocabulary()) ==
        run_beams(session, {4, 5}, {1, 0}, bart().vocabulary()));
  // A path that leads out of the rings.
  std::fill(saved.end() - 64, saved.end(), std::byte{0xFF});
  CHECK(other.load(saved).status == LINNET_INVALID_ARGUMENT);
}

TEST_CASE("greedy translation is the likeliest token each time, but for padding") {
  Session session = bart().open(64);
  linnet_translate_options options = bart().model().translate_defaults();
  CHECK(options.start == 2);
  CHECK(options.forced_last == 2);
  CHECK(options.beams == 1);
  options.max_tokens = 12;
  Tokens ids;
  linnet_translated translated = {};
  REQUIRE(session.translate(bart().source(), options, &ids, &translated).ok());
  CHECK(translated.source_tokens == bart().source().size());
  Tokens text = {options.start};
  while (text.size() < 12) {
    std::vector<float> logits = run_alone(bart(), text);
    logits[1] = -INFINITY;  // padding
    text.push_back(static_cast<int32_t>(argmax(logits)));
    if (text.back() == 2) break;
  }
  if (text.back() != 2) text.push_back(2);  // forced
  text.erase(text.begin());
  CHECK(ids == text);
  CHECK(translated.stop == LINNET_STOP_END);
}

TEST_CASE("with a beam for every text, translation finds the best of all") {
  // Two tokens: every first token is a beam, and all that may follow is looked at.
  const auto beams = static_cast<uint32_t>(t5().vocabulary());
  Session session = t5().open(4, beams);
  linnet_translate_options options = t5().model().translate_defaults();
  options.beams = beams;
  options.max_tokens = 2;
  options.stopping = LINNET_STOPPING_EXACT;
  Tokens ids;
  linnet_translated translated = {};
  REQUIRE(session.translate(t5().source(), options, &ids, &translated).ok());
  const std::vector<float> first = run_alone(t5(), {0});
  double best = -INFINITY;
  Tokens best_ids;
  const auto consider = [&](const Tokens& text, double score) {
    if (score > best) best_ids = text;
    best = std::max(best, score);
  };
  for (int32_t a = 1; a < static_cast<int32_t>(beams); ++a) {  // 0 is padding
    const double sum = log_probability(first, static_cast<size_t>(a));
    if (a == 1) consider({a}, sum);  // the end
    if (a == 1) continue;
    const std::vector<float> second = run_alone(t5(), {0, a});
    for (int32_t b = 1; b < static_cast<int32_t>(beams); ++b) {
      consider({a, b}, (sum + log_probability(second, static_cast<size_t>(b))) / 2);
    }
  }
  CHECK(ids == best_ids);
  CHECK(static_cast<double>(translated.score) == doctest::Approx(best).epsilon(1e-4));
}

TEST_CASE("what cannot be translated says why") {
  Session session = bart().open(64);
  linnet_translate_options options = bart().model().translate_defaults();
  options.max_tokens = 4;
  Tokens ids;
  options.beams = 2;
  CHECK(std::string(session.translate(bart().source(), options, &ids).message()).find("beams") !=
        std::string::npos);
  options.beams = 1;
  options.start = -1;
  CHECK(std::string(session.translate(bart().source(), options, &ids).message()).find("start") !=
        std::string::npos);
  const Seq2SeqModel torch("golden/ref/torch_transformer_preln", "f32");
  CHECK(torch.model().translate_defaults().start == -1);
}
