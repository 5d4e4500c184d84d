#include "tools/convert/graph_builder.h"

#include <doctest/doctest.h>

#include <stdexcept>

namespace linnet::convert {
namespace {

Weight zeros(const Shape& shape) {
  return constant(shape, std::vector<float>(element_count(shape)));
}

const Tensor& tensor(const Graph& graph, Value value) {
  return graph.tensors.at(static_cast<size_t>(value.tensor));
}

struct Fixture {
  Graph graph;
  GraphBuilder g{graph};
  Value tokens = g.input_tokens();
  Value x = g.embedding("embedding", tokens, g.weight("table", zeros({10, 6})));
};

TEST_CASE_FIXTURE(Fixture, "operators have names within scopes, and shapes") {
  const auto scope = g.scope("layers.3");
  const Value y = g.linear("up", x, zeros({8, 6}), {.bias = zeros({8})});
  CHECK(tensor(graph, y).name == "layers.3.up");
  CHECK(tensor(graph, y).shape == Shape{kTokens, 8});
  const Operator& op = graph.decode.operators.back();
  CHECK(op.name == "layers.3.up");
  CHECK(op.inputs[0] == x.tensor);
  CHECK(graph.tensors[static_cast<size_t>(op.inputs[1])].name == "layers.3.up.weight");
  CHECK(graph.tensors[static_cast<size_t>(op.inputs[2])].name == "layers.3.up.bias");
}

TEST_CASE_FIXTURE(Fixture, "a view of a view is one of the whole") {
  const Value outer = g.view("outer", x, 2, 4);
  const Value inner = g.view("inner", outer, 1, 2);
  CHECK(tensor(graph, inner).base == x.tensor);
  CHECK(tensor(graph, inner).column == 3);
  CHECK_THROWS_AS(g.view("beyond", outer, 3, 2), std::logic_error);
}

TEST_CASE_FIXTURE(Fixture, "an elementwise chain keeps the order of its steps and operands") {
  const Value gate = g.group_sum("gate", x, 2);
  const Value y = g.elementwise("y", x).add(1.0f).multiply(gate).multiply_silu(x).exp().end();
  const Operator& op = graph.decode.operators.back();
  CHECK(op.inputs == std::vector<int32_t>{x.tensor, gate.tensor, x.tensor});
  CHECK(tensor(graph, y).shape == Shape{kTokens, 6});
  const auto& steps = std::get<Elementwise>(op.attributes).steps;
  REQUIRE(steps.size() == 4);
  CHECK(steps[0].operand() < 0);
  CHECK(steps[0].scalar() == 1.0f);
  CHECK(steps[1].operand() == 1);
  CHECK(steps[2].operand() == 2);
  CHECK(steps[2].function() == schema::ElementwiseFunction::multiply_silu);
}

TEST_CASE_FIXTURE(Fixture, "shapes that do not fit are refused by name") {
  CHECK_THROWS_WITH_AS(g.linear("down", x, zeros({4, 5})), "down: expected 5 columns, found [T, 6]",
                       std::logic_error);
  CHECK_THROWS_AS(g.linear("down", x, zeros({4, 6}), {.bias = zeros({5})}), std::logic_error);
  CHECK_THROWS_AS(g.norm("norm", x, {schema::NormKind::rms, 4, 0}), std::logic_error);
  CHECK_THROWS_AS(g.norm("norm", x, {schema::NormKind::rms, 2, 0}, zeros({2})), std::logic_error);
  CHECK_THROWS_AS(g.elementwise("y", x).add(g.view("v", x, 0, 4)), std::logic_error);
  CHECK_THROWS_AS(g.causal_conv("c", x, zeros({4, 5}), schema::Activation::none), std::logic_error);
  CHECK_THROWS_AS(g.token_shift("s", x, {"r"}, {zeros({5})}), std::logic_error);
  CHECK_THROWS_AS(
      g.fast_weight("f", {.query = x, .key = x, .value = x, .key_dim = 2, .value_dim = 2},
                    {.heads = 2, .key_heads = 2}),
      std::logic_error);
}

TEST_CASE_FIXTURE(Fixture, "softmax within a window has rings of that size") {
  const AttentionInputs inputs = {
      .query = x, .key = x, .value = x, .head_dim = 3, .value_dim = 3, .window = 5};
  g.softmax_attention("windowed", inputs, {.heads = 2, .key_value_heads = 2});
  const int32_t ring = graph.decode.operators.back().inputs[3];
  CHECK(graph.tensors[static_cast<size_t>(ring)].shape == Shape{5, 6});
}

TEST_CASE_FIXTURE(Fixture, "scans, grouped matrices and experts check their shapes") {
  const Value y =
      g.selective_scan("scan", {.value = x, .step = x, .rates = zeros({4, 6}), .skip = zeros({6})});
  CHECK(tensor(graph, y).shape == Shape{kTokens, 6});
  CHECK_THROWS_AS(g.selective_scan("wrong", {.value = x, .step = x, .rates = zeros({4, 5})}),
                  std::logic_error);
  const Value grouped = g.grouped_linear("grouped", x, zeros({4, 3}), zeros({4}), {.groups = 2});
  CHECK(tensor(graph, grouped).shape == Shape{kTokens, 4});
  CHECK_THROWS_AS(g.grouped_linear("wrong", x, zeros({4, 2}), zeros({4}), {.groups = 2}),
                  std::logic_error);
  const Value router = g.linear("router", x, zeros({3, 6}));
  const ExpertWeights experts = {zeros({3 * 2 * 5, 6}), zeros({3 * 6, 5})};
  const Value mixed =
      g.mixture_of_experts("experts", x, router, experts, {.experts = 3, .experts_per_token = 2});
  CHECK(tensor(graph, mixed).shape == Shape{kTokens, 6});
  CHECK_THROWS_AS(g.mixture_of_experts("wrong", x, router, experts, {.experts = 4}),
                  std::logic_error);
}

}  // namespace
}  // namespace linnet::convert
