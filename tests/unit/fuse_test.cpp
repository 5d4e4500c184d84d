#include "tools/convert/passes/fuse.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"

namespace linnet::convert {
namespace {

/// A matrix whose values are `first`, `first` + 1, ...
Weight counted(const Shape& shape, float first) {
  std::vector<float> values(element_count(shape));
  std::iota(values.begin(), values.end(), first);
  return constant(shape, std::move(values));
}

std::vector<float> all_values(const Tensor& weight) {
  std::vector<float> values(element_count(weight.shape));
  weight.rows(0, static_cast<uint64_t>(weight.shape[0]), values);
  return values;
}

struct Fixture {
  Graph graph;
  GraphBuilder g{graph};
  Value x = g.embedding("embedding", g.input_tokens(), g.weight("table", counted({10, 2}, 0)));

  const Tensor& tensor(int32_t index) const { return graph.tensors[static_cast<size_t>(index)]; }
  const Operator& op(const std::string& name) const {
    const auto& all = graph.decode.operators;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Operator& op) { return op.name == name; });
    REQUIRE(found != all.end());
    return *found;
  }
};

TEST_CASE_FIXTURE(Fixture, "projections of one input become one, their outputs its columns") {
  const Value q = g.linear("q", x, counted({3, 2}, 10));
  const Value squared = g.elementwise("y", q).multiply(q).end();
  const Value k = g.linear("k", x, counted({1, 2}, 50), {.bias = counted({1}, 7)});
  const Value half = g.view("half", q, 1, 2);
  g.output(g.linear("logits", half, counted({10, 2}, 0)));
  fuse_projections(graph);

  const Operator& fused = op("q+k");
  CHECK(fused.inputs[0] == x.tensor);
  const Tensor& matrix = tensor(fused.inputs[1]);
  CHECK(matrix.name == "q+k.weight");
  CHECK(matrix.shape == Shape{4, 2});
  CHECK(all_values(matrix) == std::vector<float>{10, 11, 12, 13, 14, 15, 50, 51});
  std::vector<float> middle(4);
  matrix.rows(2, 2, middle);
  CHECK(middle == std::vector<float>{14, 15, 50, 51});
  CHECK(all_values(tensor(fused.inputs[2])) == std::vector<float>{0, 0, 0, 7});

  CHECK(tensor(q.tensor).base == fused.outputs[0]);
  CHECK(tensor(q.tensor).column == 0);
  CHECK(tensor(k.tensor).base == fused.outputs[0]);
  CHECK(tensor(k.tensor).column == 3);
  CHECK(tensor(half.tensor).base == fused.outputs[0]);
  CHECK(tensor(half.tensor).column == 1);
  CHECK(tensor(fused.outputs[0]).shape == Shape{kTokens, 4});
  CHECK(op("y").inputs[0] == q.tensor);
  CHECK(squared.tensor == op("y").outputs[0]);
}

TEST_CASE_FIXTURE(Fixture,
                  "other roles, activations, inputs, shared matrices and results stay apart") {
  const Value shared = g.weight("shared", counted({2, 2}, 0), WeightRole::projection);
  g.linear("plain", x, counted({2, 2}, 0));
  g.linear("gate", x, counted({2, 2}, 0), {.role = WeightRole::gate});
  g.linear("active", x, counted({2, 2}, 0), {.activation = schema::Activation::silu});
  g.linear("first", x, shared);
  const Value other = g.elementwise("other", x).add(1.0f).end();
  g.linear("second", other, shared);
  g.linear("elsewhere", other, counted({2, 2}, 0));
  g.output(g.linear("result", x, counted({10, 2}, 0)));
  const size_t before = graph.decode.operators.size();
  fuse_projections(graph);
  CHECK(graph.decode.operators.size() == before);
}

TEST_CASE_FIXTURE(Fixture,
                  "gates of one input become one, and an activation an operator behind it") {
  const LinearOptions gate = {.role = WeightRole::gate};
  LinearOptions beta_options = gate;
  beta_options.activation = schema::Activation::sigmoid;
  const Value a = g.linear("a", x, counted({3, 2}, 10), gate);
  const Value beta = g.linear("beta", x, counted({2, 2}, 50), beta_options);
  g.output(g.linear("logits", beta, counted({10, 2}, 0)));
  fuse_projections(graph);

  const Operator& fused = op("a+beta");
  CHECK(std::get<Linear>(fused.attributes).activation == schema::Activation::none);
  CHECK(tensor(fused.outputs[0]).shape == Shape{kTokens, 5});
  CHECK(tensor(a.tensor).base == fused.outputs[0]);
  const Operator& activation = op("beta");
  const auto& steps = std::get<Elementwise>(activation.attributes).steps;
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].function() == schema::ElementwiseFunction::sigmoid);
  CHECK(activation.outputs[0] == beta.tensor);
  CHECK(tensor(beta.tensor).base == -1);
  CHECK(tensor(activation.inputs[0]).base == fused.outputs[0]);
  CHECK(tensor(activation.inputs[0]).column == 3);
}

TEST_CASE_FIXTURE(Fixture, "tensors come in the order of their use, and those of no use go") {
  const Value q = g.linear("q", x, counted({3, 2}, 10));
  const Value k = g.linear("k", x, counted({3, 2}, 50));
  const Value sum = g.elementwise("sum", k).add(q).end();
  g.output(g.linear("logits", g.last_rows("last", sum), counted({10, 3}, 0)));
  fuse_projections(graph);
  order_tensors(graph);

  std::vector<std::string> names;
  for (const Tensor& tensor : graph.tensors) names.push_back(tensor.name);
  CHECK(names == std::vector<std::string>{"tokens", "table", "embedding", "q+k.weight", "q+k", "k",
                                          "q", "sum", "last", "logits.weight", "logits"});
  const Operator& add = op("sum");
  CHECK(tensor(add.inputs[0]).name == "k");
  CHECK(tensor(add.inputs[1]).name == "q");
  CHECK(tensor(tensor(add.inputs[0]).base).name == "q+k");
  CHECK(tensor(graph.decode.outputs[0]).name == "logits");
  CHECK(tensor(graph.decode.inputs[0]).name == "tokens");
}

}  // namespace
}  // namespace linnet::convert
