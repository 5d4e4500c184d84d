// Several sessions in one pass over the weights: each gets what it would have got alone.

#include <doctest/doctest.h>

#include <algorithm>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tests/golden/seq2seq_model.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::Model;
using linnet::Session;
using linnet::cli::argmax;
using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::GoldenModel;

constexpr size_t batch = 5;

// Rows of a product are summed in another order when others are beside them: tiles of one row and
// of several rows of XNNPACK's f32 kernels differ so.
constexpr double batch_tolerance = 1e-5;
// Where activations are rounded to 8 or 16 bits, what differs in the last bit of a sum may round to
// the next step; see language_model_test.cpp.
constexpr double rounded_batch_tolerance = 1e-3;

linnet_session_options options_with(uint32_t sessions, uint32_t threads = 1) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = 1;
  options.context = 24;
  options.batch = sessions;
  return options;
}

Session open(const Model& model, const linnet_session_options& options) {
  Session session;
  const auto result = session.open(model, options);
  REQUIRE_MESSAGE(result.ok(), result.message());
  return session;
}

/// Sessions that stand at different points of different texts, and twins of them that run alone.
class Texts {
 public:
  Texts(const Model& model, uint32_t threads) : vocabulary_(model.describe().vocabulary) {
    for (size_t i = 0; i < batch; ++i) {
      // Only one of them, and not the first, has the arena for all.
      sessions.push_back(open(model, options_with(i == 2 ? batch : 1, threads)));
      alone.push_back(open(model, options_with(1, threads)));
      handles.push_back(sessions.back().get());
      // One starts, one's window and context have come round.
      const size_t length = i == 3 ? 0 : 3 + 9 * i;
      for (size_t t = 0; t < length; ++t) {
        const int32_t token = made_up(i, t);
        REQUIRE(sessions.back().run({&token, 1}).ok());
        REQUIRE(alone.back().run({&token, 1}).ok());
      }
    }
  }

  int32_t made_up(size_t text, size_t index) const {
    return static_cast<int32_t>((text * 131 + index * 37 + 5) % vocabulary_);
  }

  std::vector<Session> sessions;
  std::vector<Session> alone;
  std::vector<linnet_session*> handles;

 private:
  size_t vocabulary_;
};

void check_family(const std::string& folder, const std::string& weights, uint32_t threads,
                  double tolerance) {
  CAPTURE(folder);
  CAPTURE(weights);
  CAPTURE(threads);
  const GoldenModel golden(folder, weights);
  const size_t vocabulary = golden.vocabulary();
  Texts texts(golden.model(), threads);
  std::vector<float> rows(batch * vocabulary);
  std::vector<float> row(vocabulary);
  std::vector<int32_t> tokens(batch);
  for (size_t step = 0; step < 6; ++step) {
    CAPTURE(step);
    for (size_t i = 0; i < batch; ++i) tokens[i] = texts.made_up(i, 50 + step);
    const auto result = linnet::run_batch(texts.handles, tokens, rows.data());
    REQUIRE_MESSAGE(result.ok(), result.message());
    for (size_t i = 0; i < batch; ++i) {
      CAPTURE(i);
      REQUIRE(texts.alone[i].run({&tokens[i], 1}, row.data()).ok());
      const auto own = std::span(rows).subspan(i * vocabulary, vocabulary);
      CHECK(largest_difference(own, row) <= tolerance * largest_magnitude(row));
      CHECK(argmax(own) == argmax(row));
      CHECK(texts.sessions[i].position() == texts.alone[i].position());
    }
  }
}

constexpr const char* families[] = {
    "golden/hf/falcon_h1",
    "golden/hf/gemma3_text",
    "golden/hf/gpt2",
    "golden/hf/gpt_neo",
    "golden/hf/granitemoehybrid",
    "golden/hf/lfm2",
    "golden/hf/llama",
    "golden/hf/mamba",
    "golden/hf/minimax",
    "golden/hf/qwen3_5_text",
    "golden/hf/recurrent_gemma",
    "golden/hf/rwkv",
    "golden/hf/xlstm",
    "golden/ref/fla_gsa",
    "golden/ref/fla_kda",
    "golden/ref/fwp_delta",
    "golden/ref/gopher_like",
    "golden/ref/linear_transformer",
    "golden/ref/rwkv7_pth",
    "golden/ref/ulmfit_lm",
};

}  // namespace

TEST_CASE("a batch of sessions gives each the logits that it gets alone, in every family") {
  for (const char* folder : families) {
    check_family(folder, "f32", 1, batch_tolerance);
    check_family(folder, "int8", 1, rounded_batch_tolerance);
  }
  check_family("golden/hf/qwen3_5_text", "int4", 1, rounded_batch_tolerance);
  check_family("golden/hf/qwen3_5_text", "f16", 1, batch_tolerance);
  check_family("golden/hf/qwen3_5_text", "f32", 2, batch_tolerance);
}

TEST_CASE("each session of a batch of decoders sees its own source") {
  const linnet::test::Seq2SeqModel golden("golden/hf/marian", "f32");
  linnet_session_options options = options_with(2);
  options.chunk = 64;
  std::vector<Session> sessions;
  std::vector<Session> alone;
  std::vector<linnet_session*> handles;
  for (const size_t length : {golden.source().size(), golden.source().size() / 2}) {
    const std::vector<int32_t> source(
        golden.source().begin(), golden.source().begin() + static_cast<std::ptrdiff_t>(length));
    for (auto* into : {&sessions, &alone}) {
      into->push_back(open(golden.model(), options));
      linnet::test::encode(into->back(), source);
    }
    handles.push_back(sessions.back().get());
  }
  std::vector<float> rows(2 * golden.vocabulary());
  for (const int32_t token : {golden.target()[0], golden.target()[1]}) {
    const std::vector<int32_t> tokens = {token, token};
    REQUIRE(linnet::run_batch(handles, tokens, rows.data()).ok());
    for (size_t i = 0; i < 2; ++i) {
      const std::vector<float> expected = golden.run(alone[i], {token});
      const auto own = std::span(rows).subspan(i * expected.size(), expected.size());
      CHECK(largest_difference(own, expected) <= batch_tolerance * largest_magnitude(expected));
    }
  }
  CHECK(largest_difference(std::span(rows).first(golden.vocabulary()),
                           std::span(rows).last(golden.vocabulary())) > 0);
}

TEST_CASE("a batch without logits leaves the same states") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  Texts with(golden.model(), 1);
  Texts without(golden.model(), 1);
  std::vector<float> rows(batch * golden.vocabulary());
  std::vector<float> others(rows.size());
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  REQUIRE(linnet::run_batch(with.handles, tokens, rows.data()).ok());
  REQUIRE(linnet::run_batch(without.handles, tokens).ok());
  REQUIRE(linnet::run_batch(with.handles, tokens, rows.data()).ok());
  REQUIRE(linnet::run_batch(without.handles, tokens, others.data()).ok());
  CHECK(rows == others);
}

TEST_CASE("what cannot run in a batch is refused with a message, and no session moves") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  const GoldenModel another("golden/hf/mamba", "f32");
  Session host = open(golden.model(), options_with(3));
  Session second = open(golden.model(), options_with(1));
  Session third = open(golden.model(), options_with(1));
  Session foreign = open(another.model(), options_with(1));
  linnet_session_options longer = options_with(1);
  longer.context = 32;
  Session of_other_context = open(golden.model(), longer);
  std::vector<float> rows(4 * golden.vocabulary());
  const auto refuse = [&](const std::vector<Session*>& sessions, std::vector<int32_t> tokens,
                          const std::string& why) {
    std::vector<linnet_session*> handles;
    for (const Session* session : sessions) handles.push_back(session->get());
    const auto result = linnet::run_batch(handles, tokens, rows.data());
    CHECK(result.status == LINNET_INVALID_ARGUMENT);
    CHECK_MESSAGE(std::string(result.message()).find(why) != std::string::npos, result.message());
    for (const Session* session : sessions) CHECK(session->position() == 0);
  };
  refuse({}, {}, "no session");
  refuse({&host, &second, &host}, {1, 2, 3}, "session 0: it is in the batch twice");
  refuse({&host, &foreign}, {1, 2}, "session 1: it is of another model");
  refuse({&host, &of_other_context}, {1, 2}, "session 1: its state has another layout");
  refuse({&second, &third}, {1, 2}, "batch of 2");
  refuse({&host, &second}, {1, -1}, "session 1: ");
}

TEST_CASE("models that run their text again have no batches") {
  const GoldenModel golden("golden/ref/performer", "f32");
  Session session;
  linnet_session_options options = options_with(1);
  REQUIRE(session.open(golden.model(), options).ok());
  options.batch = 2;
  CHECK(session.open(golden.model(), options).status == LINNET_UNSUPPORTED);
}

TEST_CASE("cancelling one session of a batch stops it and empties them all") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  Texts texts(golden.model(), 1);
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  texts.sessions[4].cancel();
  CHECK(linnet::run_batch(texts.handles, tokens).status == LINNET_CANCELLED);
  for (const Session& session : texts.sessions) CHECK(session.position() == 0);
  CHECK(linnet::run_batch(texts.handles, tokens).ok());
}
