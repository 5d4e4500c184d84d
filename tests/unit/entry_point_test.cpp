// Models as small as can be, for what a graph as a whole may and may not do.

#include <doctest/doctest.h>

#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/writer.h"

namespace linnet::convert {
namespace {

constexpr int32_t kWidth = 4;
constexpr int32_t kRows = 5;

/// A matrix whose value (r, c) is 10 r + c.
Weight counting(int32_t rows) {
  std::vector<float> values;
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < kWidth; ++c) values.push_back(static_cast<float>(10 * r + c));
  }
  return constant({rows, kWidth}, values);
}

/// A graph under construction, then a file, then an opened model.
struct Fixture {
  Model model;
  GraphBuilder g{model.graph};
  Value tokens = g.input_tokens();
  Value x = g.embedding("embedding", tokens, g.weight("table", counting(kWidth)));
  test::TempFolder folder;
  linnet::Model opened;

  Value norms() { return g.group_sum("norms", x, 1); }

  linnet::Result open() {
    model.graph.vocabulary = kWidth;
    const std::string path = folder.file("model.linnet");
    write_model(model, path);
    return opened.open(path.c_str());
  }

  void check_refused(const std::string& part) {
    const auto result = open();
    CHECK(result.status == LINNET_INVALID_MODEL);
    INFO(result.message());
    CHECK(std::string(result.message()).find(part) != std::string::npos);
  }
};

std::vector<float> run(linnet::Session& session, const std::vector<int32_t>& tokens) {
  std::vector<float> logits(tokens.size() * kWidth);
  const auto result = session.run(tokens, logits.data());
  REQUIRE_MESSAGE(result.ok(), result.message());
  return logits;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a position adds its row of the table, from the offset on") {
  x = g.position_embedding("positions", x, counting(kRows), /*offset=*/2);
  g.output(g.last_rows("last", x));
  REQUIRE(open().ok());
  CHECK(opened.describe().positions == 3);
  CHECK_FALSE(opened.describe().is_encoder);
  for (const uint32_t chunk : {1U, 2U, 8U}) {
    linnet_session_options options = linnet_session_options_defaults();
    options.chunk = chunk;
    options.all_logits = true;
    linnet::Session session;
    REQUIRE(session.open(opened, options).ok());
    const std::vector<float> logits = run(session, {1, 0, 3});
    // Token row 10 id + c, position row 10 (t + 2) + c.
    for (size_t c = 0; c < kWidth; ++c) {
      CHECK(logits[c] == static_cast<float>(10 + 20 + 2 * c));
      CHECK(logits[kWidth + c] == static_cast<float>(0 + 30 + 2 * c));
      CHECK(logits[2 * kWidth + c] == static_cast<float>(30 + 40 + 2 * c));
    }
    const std::vector<int32_t> one = {0};
    CHECK(session.run(one).status == LINNET_INVALID_ARGUMENT);
  }
}

TEST_CASE_FIXTURE(Fixture, "an encoder gives every row, whether or not all logits are asked for") {
  x = g.position_embedding("positions", x, counting(kRows));
  g.encoder_output(g.elementwise("doubled", x).multiply(2.0f).end());
  REQUIRE(open().ok());
  CHECK(opened.describe().is_encoder);
  CHECK(opened.describe().positions == kRows);
  linnet::Session session;
  REQUIRE(session.open(opened).ok());
  for (int text = 0; text < 2; ++text) {
    const std::vector<float> logits = run(session, {2, 2});
    for (size_t c = 0; c < kWidth; ++c) {
      CHECK(logits[c] == static_cast<float>(2 * (20 + 2 * c)));
      CHECK(logits[kWidth + c] == static_cast<float>(2 * (30 + 2 * c)));
    }
  }
  CHECK_FALSE(
      session.generate("a", linnet_generate_options{}, [](std::string_view) { return true; }).ok());
}

TEST_CASE_FIXTURE(Fixture, "an encoder with a state is refused") {
  g.encoder_output(g.token_shift("shift", x, {"y"}, {constant({kWidth}, {1, 1, 1, 1})}).front());
  check_refused("shift: has a state, but an encoder keeps none");
}

TEST_CASE_FIXTURE(Fixture, "an encoder whose output is not a row per token is refused") {
  g.encoder_output(g.last_rows("last", x));
  check_refused("'encode': its output is not f32 [T, vocabulary]");
}

TEST_CASE_FIXTURE(Fixture, "a text that may run again needs positions to bound it") {
  const KeyFeatures keys = g.key_features("features", x, norms(), KeyMaximum::so_far);
  g.output(g.last_rows("last", g.view("seen", keys.key, 0, kWidth)));
  check_refused("no table of positions");
}

TEST_CASE_FIXTURE(Fixture, "queries that remember a maximum are refused") {
  g.position_embedding("positions", x, counting(kRows));
  g.key_features("features", x, norms(), KeyMaximum::so_far);
  std::get<SoftmaxFeatures>(model.graph.decode.operators.back().attributes).side =
      schema::FeatureSide::query;
  g.output(g.last_rows("last", x));
  check_refused("features: has a maximum to remember");
}

TEST_CASE_FIXTURE(Fixture, "bidirectional fast weights that keep a state are refused") {
  const FastWeightInputs inputs = {
      .query = x, .key = x, .value = x, .key_dim = kWidth, .value_dim = kWidth};
  const Value read = g.fast_weight("memory", inputs, {.heads = 1, .key_heads = 1});
  std::get<FastWeight>(model.graph.decode.operators.back().attributes).read =
      schema::ReadOrder::after_all;
  g.output(g.last_rows("last", read));
  check_refused("memory: has a state, though it forgets every chunk");
}

TEST_CASE_FIXTURE(Fixture, "a table of positions that ends at its offset is refused") {
  g.position_embedding("positions", x, counting(kRows));
  std::get<PositionEmbedding>(model.graph.decode.operators.back().attributes).offset = kRows;
  g.output(g.last_rows("last", x));
  check_refused("positions: has a table that ends before the first position");
}

TEST_CASE_FIXTURE(Fixture, "dpfp with another number of rolls than its output has is refused") {
  g.dpfp("features", x, {.heads = 2, .rolls = 3});
  std::get<Dpfp>(model.graph.decode.operators.back().attributes).rolls = 4;
  g.output(g.last_rows("last", x));
  check_refused("features: has an output without 2 columns for each roll");
}

TEST_CASE_FIXTURE(Fixture, "head linear: a matrix that does not divide the columns is refused") {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  g.head_linear("features", x, constant({3, 2}, values));
  model.graph.decode.operators.back().inputs[1] =
      g.weight("three_inputs", constant({3, 2}, values)).tensor;
  g.output(g.last_rows("last", x));
  check_refused("features: has columns that its matrix does not divide");
}

}  // namespace linnet::convert
