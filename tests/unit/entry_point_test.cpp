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
  Value tokens, x;
  test::TempFolder folder;
  linnet::Model opened;

  explicit Fixture(EntryKind kind = EntryKind::decode) {
    g.begin(kind);
    tokens = g.input_tokens();
    x = g.embedding("embedding", tokens, g.weight("table", counting(kWidth)));
  }

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

struct EncoderFixture : Fixture {
  EncoderFixture() : Fixture(EntryKind::encode) {}
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
  CHECK_FALSE(opened.describe().has_encoder);
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

TEST_CASE_FIXTURE(EncoderFixture,
                  "an encoder gives every row, whether or not all logits are asked for") {
  x = g.position_embedding("positions", x, counting(kRows));
  g.output(g.elementwise("doubled", x).multiply(2.0f).end());
  REQUIRE(open().ok());
  CHECK(opened.describe().has_encoder);
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

TEST_CASE_FIXTURE(EncoderFixture, "an encoder with a state is refused") {
  g.output(g.token_shift("shift", x, {"y"}, {constant({kWidth}, {1, 1, 1, 1})}).front());
  check_refused("shift: has a state, but an encoder keeps none");
}

TEST_CASE_FIXTURE(EncoderFixture, "an encoder whose output is not a row per token is refused") {
  g.output(g.last_rows("last", x));
  check_refused("'encode': its output is not f32 [T, columns] or f32 [B, columns]");
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

/// An encoder of two texts: outputs "rows", one per token, and "means", one per text.
struct BatchFixture : EncoderFixture {
  BatchFixture() {
    const Value types = g.input_token_types();
    const Value kinds = g.embedding("types", types, g.weight("type_table", counting(2)));
    x = g.position_embedding("positions", x, counting(kRows));
    x = g.elementwise("sum", x).add(kinds).end();
    g.output("rows", x);
    g.output("means", g.pool("pool", x, {schema::PoolKind::mean}));
    REQUIRE(open().ok());
    linnet_session_options options = linnet_session_options_defaults();
    options.chunk = 8;
    REQUIRE(session.open(opened, options).ok());
  }

  linnet_output output(size_t index) const {
    linnet_output found = {};
    const auto result = session.output(index, &found);
    REQUIRE_MESSAGE(result.ok(), result.message());
    return found;
  }

  linnet::Session session;
};

TEST_CASE_FIXTURE(BatchFixture, "a batch leaves out padding and starts each text at position 0") {
  const std::vector<int32_t> ids = {1, 2, 0, 3, 3, 1};
  const std::vector<int32_t> types = {0, 1, 0, 0, 0, 1};
  const std::vector<uint8_t> mask = {1, 1, 0, 1, 0, 1};
  const std::vector<size_t> lengths = {3, 3};
  const linnet_texts texts = {ids.data(), types.data(), mask.data(), lengths.data(), 2};
  REQUIRE(session.encode(texts).ok());
  const linnet_output rows = output(0);
  CHECK(std::string(rows.name) == "rows");
  CHECK_FALSE(rows.per_text);
  REQUIRE(rows.rows == 4);
  REQUIRE(rows.columns == kWidth);
  // 10 (token + position + type) + 3 columns.
  const float expected[] = {10, 40, 30, 30};
  for (size_t r = 0; r < 4; ++r) {
    for (size_t c = 0; c < kWidth; ++c) {
      CHECK(rows.values[r * kWidth + c] == expected[r] + static_cast<float>(3 * c));
    }
  }
  const linnet_output means = output(1);
  CHECK(means.per_text);
  REQUIRE(means.rows == 2);
  CHECK(means.values[0] == 25);
  CHECK(means.values[kWidth] == 30);
}

TEST_CASE_FIXTURE(BatchFixture, "a batch with a wrong token, type or length is refused") {
  const std::vector<int32_t> ids = {1, 2, 3, 0, 1, 2};
  std::vector<int32_t> types = {0, 0, 0, 0, 0, 2};
  std::vector<size_t> lengths = {3, 3};
  linnet_texts texts = {ids.data(), types.data(), nullptr, lengths.data(), 2};
  CHECK(std::string(session.encode(texts).message()).find("text 1: token type 2 at index 5") !=
        std::string::npos);
  types[5] = 1;
  lengths = {6, 0};
  CHECK(std::string(session.encode(texts).message()).find("has positions for 5 tokens, not 6") !=
        std::string::npos);
  lengths = {5, 0};
  CHECK(std::string(session.encode(texts).message()).find("text 1: it has no token") !=
        std::string::npos);
  texts.count = 0;
  CHECK_FALSE(session.encode(texts).ok());
  linnet_output none = {};
  CHECK_FALSE(session.output(0, &none).ok());
  lengths = {3, 3};
  texts.count = 2;
  CHECK(session.encode(texts).ok());
  CHECK_FALSE(session.output(2, &none).ok());
}

TEST_CASE("a decoder sees the text that was encoded before, and asks for one") {
  Model model;
  GraphBuilder g{model.graph};
  const Value table = g.weight("table", counting(kWidth));
  g.begin(EntryKind::encode);
  const Value source = g.embedding("source", g.input_tokens(), table);
  const Value kept = g.store("kept", source);
  g.output("encoded", source);
  g.begin(EntryKind::decode);
  const Value x = g.embedding("embedding", g.input_tokens(), table);
  const Value seen = g.softmax_attention(
      "cross", {.query = x, .key = kept, .value = kept, .head_dim = kWidth, .value_dim = kWidth},
      {.heads = 1, .key_value_heads = 1, .scale = 0, .mask = schema::AttentionMask::cross});
  g.output(g.last_rows("last", seen));
  model.graph.vocabulary = kWidth;
  const test::TempFolder folder;
  const std::string path = folder.file("model.linnet");
  write_model(model, path);
  linnet::Model opened;
  REQUIRE(opened.open(path.c_str()).ok());
  CHECK(opened.describe().has_encoder);
  CHECK(opened.describe().has_decoder);
  linnet::Session session;
  REQUIRE(session.open(opened).ok());
  std::vector<float> logits(kWidth);
  const std::vector<int32_t> token = {0};
  CHECK(std::string(session.run(token, logits.data()).message()).find("linnet_encode") !=
        std::string::npos);
  for (const std::vector<int32_t>& text : {std::vector<int32_t>{1, 2, 3}, {3}}) {
    const size_t length = text.size();
    REQUIRE(session.encode({text.data(), nullptr, nullptr, &length, 1}).ok());
    CHECK(session.position() == 0);
    REQUIRE(session.run(token, logits.data()).ok());
    // Equal scores: the mean of the source's rows.
    CHECK(logits[0] == (length == 3 ? 20 : 30));
  }
  std::vector<std::byte> saved;
  REQUIRE(session.save(&saved).ok());
  linnet::Session other;
  REQUIRE(other.open(opened).ok());
  REQUIRE(other.load(saved).ok());
  REQUIRE(other.run(token, logits.data()).ok());
  CHECK(logits[0] == 30);
}

}  // namespace linnet::convert
