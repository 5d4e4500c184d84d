#include "tools/convert/passes/quantize.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/passes/quantize_row.h"

namespace linnet::convert {
namespace {

TEST_CASE("a row's largest value becomes 127, the others the nearest multiple of the scale") {
  const std::array<float, 6> row = {-2.54f, 0.03f, 0.01f, 0.0f, 1.0f, 2.0f};
  std::array<int8_t, 6> values = {};
  float scale = 0;
  REQUIRE(quantize_int8(row, values, scale));
  CHECK(scale == 2.54f / 127.0f);
  CHECK(values[0] == -127);
  for (size_t i = 0; i < row.size(); ++i) {
    CHECK(std::fabs(row[i] - scale * values[i]) <= scale * 0.5001f);
  }
}

TEST_CASE("halves are rounded to even") {
  const std::array<float, 5> row = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f};
  std::array<int8_t, 5> values = {};
  float scale = 0;
  REQUIRE(quantize_int8(row, values, scale));
  CHECK(scale == 1.0f);
  CHECK(values == std::array<int8_t, 5>{127, 0, 2, 2, 0});
}

TEST_CASE("rows of zeros or of the smallest numbers have scale 1; of no number, none") {
  std::array<int8_t, 2> values = {1, 1};
  float scale = 0;
  for (float tiny : {0.0f, std::numeric_limits<float>::denorm_min()}) {
    REQUIRE(quantize_int8(std::array{tiny, 0.0f}, values, scale));
    CHECK(scale == 1.0f);
    CHECK(values == std::array<int8_t, 2>{0, 0});
  }
  REQUIRE(quantize_int8(std::array{std::numeric_limits<float>::max(), 0.0f}, values, scale));
  CHECK(values[0] == 127);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(quantize_int8(std::array{1.0f, nan}, values, scale));
  CHECK_FALSE(quantize_int8(std::array{nan, 1.0f}, values, scale));
  CHECK_FALSE(quantize_int8(std::array{1.0f, -INFINITY}, values, scale));
}

TEST_CASE("formats have names, and unknown ones a message") {
  CHECK(weight_format("int8") == WeightFormat::int8);
  CHECK(std::string(weight_format_name(WeightFormat::f32)) == "f32");
  CHECK_FAILS_WITH(weight_format("int5"),
                   "'int5' are not known; this version writes f32, f16, int8, int4");
}

TEST_CASE("matrices become int8, what steers the memory does not") {
  for (WeightRole role : {WeightRole::projection, WeightRole::embedding, WeightRole::head}) {
    CHECK(stored_as(WeightFormat::int8, role) == schema::DataType::int8);
    CHECK(stored_as(WeightFormat::f32, role) == schema::DataType::f32);
  }
  for (WeightRole role : {WeightRole::gate, WeightRole::low_rank, WeightRole::vector,
                          WeightRole::convolution, WeightRole::scales}) {
    CHECK(stored_as(WeightFormat::int8, role) == schema::DataType::f32);
  }
}

TEST_CASE("an input that several int8 matrices read is quantised once") {
  Graph graph;
  GraphBuilder g(graph);
  const auto zeros = [](const Shape& shape) {
    return constant(shape, std::vector<float>(element_count(shape)));
  };
  const Value table = g.weight("table", zeros({8, 4}), WeightRole::embedding);
  const Value x = g.embedding("embedding", g.input_tokens(), table);
  const Value k = g.linear("k", x, zeros({4, 4}));
  const Value v = g.linear("v", x, zeros({4, 4}));
  g.linear("decay", x, zeros({1, 4}), {.role = WeightRole::gate});
  g.linear("logits", g.elementwise("y", k).add(v).end(), table);
  quantize_weights(graph, WeightFormat::int8);

  std::vector<std::string> names;
  for (const Operator& op : graph.decode.operators) names.push_back(op.name);
  CHECK(names == std::vector<std::string>{"embedding", "embedding.int8", "k", "v", "decay", "y",
                                          "y.int8", "logits"});
  const auto& ops = graph.decode.operators;
  CHECK(ops[2].inputs[0] == ops[1].outputs[0]);
  CHECK(ops[3].inputs[0] == ops[1].outputs[0]);
  CHECK(ops[4].inputs[0] == x.tensor);
  const Tensor& quantized = graph.tensors[static_cast<size_t>(ops[1].outputs[0])];
  CHECK(quantized.type == schema::DataType::dynamic_int8);
  const Tensor& stored = graph.tensors[static_cast<size_t>(table.tensor)];
  CHECK(stored.type == schema::DataType::int8);
  CHECK(graph.tensors.at(static_cast<size_t>(stored.scales)).shape == Shape{8});
}

}  // namespace
}  // namespace linnet::convert
