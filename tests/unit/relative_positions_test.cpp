#include "tools/convert/models/relative_positions.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/writer.h"

namespace linnet::convert {
namespace {

constexpr int32_t kWidth = 4;

Weight filled(const Shape& shape, float value) {
  return constant(shape, std::vector<float>(element_count(shape), value));
}

/// A model of one attention with relative positions, which `spoil` has made unlike what it should
/// be. Returns what opening it says.
std::string refusal(EntryKind kind, const std::function<void(Graph&)>& spoil) {
  Model model;
  GraphBuilder g(model.graph);
  g.begin(kind);
  const bool is_encoder = kind == EntryKind::encode;
  const Value x =
      g.embedding("embedding", g.input_tokens(), g.weight("table", filled({kWidth, kWidth}, 1)));
  AttentionInputs inputs = {.query = x,
                            .key = x,
                            .value = x,
                            .head_dim = kWidth,
                            .value_dim = kWidth,
                            .position_query = x,
                            .position_keys = g.weight("keys", filled({3, kWidth}, 1))};
  if (is_encoder) {
    inputs.token_types = g.input_token_types();
    inputs.type_scores = g.linear("types", x, filled({2, kWidth}, 1));
  }
  const Value seen = g.softmax_attention(
      "attention", inputs,
      {.heads = 1,
       .key_value_heads = 1,
       .mask = is_encoder ? schema::AttentionMask::all : schema::AttentionMask::causal});
  spoil(model.graph);
  g.output(is_encoder ? seen : g.last_rows("last", seen));
  model.graph.vocabulary = kWidth;
  const test::TempFolder folder;
  const std::string path = folder.file("model.linnet");
  write_model(model, path);
  linnet::Model opened;
  const linnet::Result result = opened.open(path.c_str());
  return result.ok() ? "" : result.message();
}

Tensor& named(Graph& graph, const std::string& name) {
  for (Tensor& tensor : graph.tensors) {
    if (tensor.name == name) return tensor;
  }
  throw std::logic_error("no tensor " + name);
}

void reshape(Tensor& weight, const Shape& shape) {
  weight.shape = shape;
  weight.rows = filled(shape, 1).rows;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("position keys are a matrix times the sinusoids of each distance") {
  const Weight keys =
      position_keys(constant({2, kWidth}, {1, 0, 0, 0, 0.5f, 2, -1, 3}), /*first=*/-2, 5);
  CHECK(keys.shape == Shape{5, 2});
  std::vector<float> values(10);
  keys.rows(0, 5, values);
  for (int32_t row = 0; row < 5; ++row) {
    const double d = row - 2;
    const double second =
        0.5 * std::sin(d) + 2 * std::sin(d / 100) - std::cos(d) + 3 * std::cos(d / 100);
    CHECK(values[2 * static_cast<size_t>(row)] == doctest::Approx(std::sin(d)));
    CHECK(values[2 * static_cast<size_t>(row) + 1] == doctest::Approx(second));
  }
  std::vector<float> some(4);
  keys.rows(3, 2, some);
  CHECK(std::equal(some.begin(), some.end(), values.begin() + 6));
  CHECK_FAILS_WITH(position_keys(filled({2, 3}, 1), 0, 5), "an even width");
}

TEST_CASE("an attention whose positions or token types don't fit is refused") {
  const auto keep = [](Graph&) {};
  CHECK(refusal(EntryKind::decode, keep).empty());
  CHECK(refusal(EntryKind::encode, keep).empty());
  const auto narrow_keys = [](Graph& graph) { reshape(named(graph, "keys"), {4, 3}); };
  CHECK(contains(refusal(EntryKind::decode, narrow_keys), "position keys"));
  const auto even_keys = [](Graph& graph) { reshape(named(graph, "keys"), {2, 6}); };
  CHECK(contains(refusal(EntryKind::encode, even_keys), "without a middle"));
  const auto narrow_types = [](Graph& graph) {
    graph.encode.operators.back().inputs[9] = graph.encode.operators.back().inputs[0];
  };
  CHECK(contains(refusal(EntryKind::encode, narrow_types), "type scores"));
  const auto float_types = [](Graph& graph) {
    graph.encode.operators.back().inputs[8] = graph.encode.operators.back().inputs[0];
  };
  CHECK(contains(refusal(EntryKind::encode, float_types), "not int32 numbers"));
  const auto types_in_a_stream = [](Graph& graph) {
    auto& inputs = graph.decode.operators.back().inputs;
    inputs.resize(10, -1);
    inputs[8] = graph.decode.inputs[0];
  };
  CHECK(contains(refusal(EntryKind::decode, types_in_a_stream), "in a stream"));
  const auto no_keys = [](Graph& graph) { graph.decode.operators.back().inputs[7] = -1; };
  CHECK(contains(refusal(EntryKind::decode, no_keys), "no position keys"));
}

}  // namespace linnet::convert
