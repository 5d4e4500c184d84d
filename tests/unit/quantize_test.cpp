#include "tools/convert/passes/quantize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"

namespace linnet::convert {
namespace {

TEST_CASE("formats have names, and unknown ones a message") {
  CHECK(weight_format("int8") == WeightFormat::int8);
  CHECK(std::string(weight_format_name(WeightFormat::f32)) == "f32");
  CHECK_FAILS_WITH(weight_format("int5"),
                   "'int5' are not known; this version writes f32, f16, int8, int4");
}

TEST_CASE("matrices become int8, what steers the memory does not") {
  for (WeightRole role : {WeightRole::projection, WeightRole::embedding, WeightRole::head}) {
    CHECK(stored_as(WeightFormat::int8, role) == schema::DataType::int8);
    CHECK(stored_as(WeightFormat::f16, role) == schema::DataType::f16);
    CHECK(stored_as(WeightFormat::f32, role) == schema::DataType::f32);
  }
  for (WeightFormat format : {WeightFormat::f16, WeightFormat::int8, WeightFormat::int4})
    CHECK(stored_as(format, WeightRole::low_rank) == schema::DataType::f16);
  for (WeightRole role : {WeightRole::gate, WeightRole::decay, WeightRole::vector,
                          WeightRole::convolution, WeightRole::scales}) {
    CHECK(stored_as(WeightFormat::int8, role) == schema::DataType::f32);
  }
}

TEST_CASE("int4 is for projections of whole blocks, the vocabulary keeps eight bits") {
  Graph graph;
  GraphBuilder g(graph);
  const auto sevenths = [](const Shape& shape) {
    std::vector<float> values(element_count(shape));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1f * static_cast<float>(i % 7 + i % 5);
    return constant(shape, std::move(values));
  };
  const Value table = g.weight("table", sevenths({8, 64}), WeightRole::embedding);
  const Value x = g.embedding("embedding", g.input_tokens(), table);
  const Value narrow = g.linear("narrow", x, sevenths({36, 64}));
  const Value wide = g.linear("wide", narrow, sevenths({64, 36}));
  g.output(g.linear("logits", wide, table));
  quantize_weights(graph, WeightFormat::int4);
  const auto find = [&](const std::string& name) {
    return *std::find_if(graph.tensors.begin(), graph.tensors.end(),
                         [&](const Tensor& tensor) { return tensor.name == name; });
  };
  CHECK(find("table").type == schema::DataType::int8);
  CHECK(find("narrow.weight").type == schema::DataType::int4);
  CHECK(find("narrow.weight").block == 32);
  CHECK(find("narrow.weight.scales").type == schema::DataType::bf16);
  CHECK(find("narrow.weight.scales").shape == Shape{36, 2});
  CHECK(find("wide.weight").type == schema::DataType::int8);  // 36 is no multiple of 32
  CHECK(find("wide.weight").block == 0);
  CHECK(find("embedding.int8").type == schema::DataType::dynamic_int8);
  // What int8 matrices multiply has 16 bits there, too.
  CHECK(find("narrow.int16").type == schema::DataType::dynamic_int16);
  CHECK(find("wide.int16").type == schema::DataType::dynamic_int16);
}

TEST_CASE("int8 rows of more than 256 values have a scale for as many") {
  for (const int32_t width : {256, 257, 1024}) {
    CAPTURE(width);
    Graph graph;
    GraphBuilder g(graph);
    const auto zeros = [](const Shape& shape) {
      return constant(shape, std::vector<float>(element_count(shape)));
    };
    const Value table = g.weight("table", zeros({8, width}), WeightRole::embedding);
    g.output(g.linear("logits", g.embedding("embedding", g.input_tokens(), table), table));
    quantize_weights(graph, WeightFormat::int8);
    const Tensor& stored = graph.tensors[static_cast<size_t>(table.tensor)];
    const Tensor& scales = graph.tensors[static_cast<size_t>(stored.scales)];
    CHECK(scales.type == schema::DataType::f32);
    CHECK(stored.block == (width > 256 ? 256 : 0));
    CHECK(scales.shape == (width > 256 ? Shape{8, (width + 255) / 256} : Shape{8}));
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
  CHECK(names == std::vector<std::string>{"embedding", "embedding.int16", "k", "v", "decay", "y",
                                          "y.int16", "logits"});
  const auto& ops = graph.decode.operators;
  CHECK(ops[2].inputs[0] == ops[1].outputs[0]);
  CHECK(ops[3].inputs[0] == ops[1].outputs[0]);
  CHECK(ops[4].inputs[0] == x.tensor);
  const Tensor& quantized = graph.tensors[static_cast<size_t>(ops[1].outputs[0])];
  CHECK(quantized.type == schema::DataType::dynamic_int16);
  const Tensor& stored = graph.tensors[static_cast<size_t>(table.tensor)];
  CHECK(stored.type == schema::DataType::int8);
  CHECK(graph.tensors.at(static_cast<size_t>(stored.scales)).shape == Shape{8});
}

}  // namespace
}  // namespace linnet::convert
