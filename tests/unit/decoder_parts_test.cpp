#include "tools/convert/models/decoder_parts.h"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/unit/checkpoint_builder.h"
#include "tests/unit/temp_folder.h"

namespace linnet::convert {
namespace {

using test::CheckpointBuilder;
using test::TempFolder;

std::vector<float> counted(size_t count, float first) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

std::vector<float> values_of(const Weight& weight) {
  std::vector<float> values(element_count(weight.shape));
  weight.rows(0, static_cast<uint64_t>(weight.size(0)), values);
  return values;
}

/// A checkpoint file that lives as long as its reader.
struct Source {
  explicit Source(const CheckpointBuilder& tensors)
      : checkpoint(open_checkpoint(folder.write("a.safetensors", tensors.bytes()))),
        weights(*checkpoint) {}

  TempFolder folder;
  std::unique_ptr<Checkpoint> checkpoint;
  WeightReader weights;
};

TEST_CASE("experts are the same, stored one by one or all together") {
  constexpr int32_t kExperts = 3;
  constexpr int32_t kHidden = 2;
  constexpr int32_t kWidth = 4;
  CheckpointBuilder each;
  std::vector<float> gates_and_ups;
  std::vector<float> downs;
  const auto add = [&](const std::string& name, const CheckpointBuilder::Shape& shape, float first,
                       std::vector<float>& all) {
    const std::vector<float> values = counted(kHidden * kWidth, first);
    each.add(name, shape, values);
    all.insert(all.end(), values.begin(), values.end());
  };
  for (int32_t i = 0; i < kExperts; ++i) {
    const std::string at = "mlp.experts." + std::to_string(i) + ".";
    const float first = 100.0f * static_cast<float>(i);
    add(at + "w1.weight", {kHidden, kWidth}, first, gates_and_ups);
    add(at + "w3.weight", {kHidden, kWidth}, first + 30, gates_and_ups);
    add(at + "w2.weight", {kWidth, kHidden}, first + 60, downs);
  }
  CheckpointBuilder together;
  together.add("mlp.experts.gate_up_proj", {kExperts, 2 * kHidden, kWidth}, gates_and_ups);
  together.add("mlp.experts.down_proj", {kExperts, kWidth, kHidden}, downs);
  for (const CheckpointBuilder* tensors : {&each, &together}) {
    Source source(*tensors);
    const ExpertWeights experts =
        read_experts(source.weights, "mlp.", {"w1", "w3", "w2"}, kExperts, kHidden, kWidth);
    CHECK(experts.gate_and_up.shape == Shape{kExperts * 2 * kHidden, kWidth});
    CHECK(experts.down.shape == Shape{kExperts * kWidth, kHidden});
    CHECK(values_of(experts.gate_and_up) == gates_and_ups);
    CHECK(values_of(experts.down) == downs);
    // Rows from the middle of one expert to the middle of another.
    std::vector<float> some(4 * kWidth);
    experts.gate_and_up.rows(3, 4, some);
    CHECK(std::equal(some.begin(), some.end(), gates_and_ups.begin() + 3 * kWidth));
    source.weights.require_all_used([](const std::string&) { return false; });
  }
}

TEST_CASE("a tied head is the table, unless another one is stored") {
  for (const bool is_other : {false, true}) {
    for (const bool tied : {false, true}) {
      CAPTURE(is_other);
      CAPTURE(tied);
      Source source(CheckpointBuilder()
                        .add("table", {5, 2}, counted(10, 0))
                        .add("lm_head.weight", {5, 2}, counted(10, is_other ? 1.0f : 0.0f)));
      Graph graph;
      GraphBuilder g(graph);
      const EmbeddingTable table = read_embedding(g, source.weights, "table", 5, 2);
      const Value x = g.embedding("embedding", g.input_tokens(), table.value);
      language_model_head(g, source.weights, x, table, tied);
      const int32_t matrix = graph.decode.operators.back().inputs[1];
      CHECK((matrix == table.value.tensor) == (tied && !is_other));
      source.weights.require_all_used([](const std::string&) { return false; });
    }
  }
  Source without(CheckpointBuilder().add("table", {5, 2}, counted(10, 0)));
  Graph graph;
  GraphBuilder g(graph);
  const EmbeddingTable table = read_embedding(g, without.weights, "table", 5, 2);
  const Value x = g.embedding("embedding", g.input_tokens(), table.value);
  language_model_head(g, without.weights, x, table, /*tied=*/true);
  CHECK(graph.decode.operators.back().inputs[1] == table.value.tensor);
  CHECK_FAILS_WITH(language_model_head(g, without.weights, x, table, /*tied=*/false),
                   "lm_head.weight");
}

TEST_CASE("activations go by transformers' names, layers by the known types") {
  const auto config = [](const char* text) {
    return Config(nlohmann::json::parse(text), "config.json");
  };
  CHECK(read_activation(config("{}"), "act", "silu") == schema::Activation::silu);
  CHECK(read_activation(config(R"({"act": "gelu"})"), "act", "silu") == schema::Activation::gelu);
  CHECK(read_activation(config(R"({"act": "gelu_new"})"), "act", "silu") ==
        schema::Activation::gelu_tanh);
  CHECK_FAILS_WITH(read_activation(config(R"({"act": "mish"})"), "act", "silu"),
                   "'act' should be one of 'silu'");
  const std::vector<std::string> known = {"a", "b"};
  CHECK(read_layer_types(config(R"({"t": ["a", "b"]})"), "t", 2, known, {}).size() == 2);
  CHECK(read_layer_types(config("{}"), "t", 1, known, {"b"}).front() == "b");
  for (const char* bad : {R"({"t": ["a"]})", R"({"t": ["a", "c"]})"}) {
    CHECK_FAILS_WITH(read_layer_types(config(bad), "t", 2, known, {}),
                     "'t' should be a list of 2 (num_hidden_layers) of 'a', 'b'");
  }
}

TEST_CASE("heads have a size of their own or a share of the width") {
  const auto heads = [](const char* text) {
    return read_attention_heads(Config(nlohmann::json::parse(text), "config.json"), 24, 4);
  };
  CHECK(heads("{}").head_dim == 6);
  CHECK(heads("{}").key_value_heads == 4);
  CHECK(heads(R"({"head_dim": 10, "num_key_value_heads": 2})").queries() == 40);
  CHECK(heads(R"({"head_dim": 10, "num_key_value_heads": 2})").keys() == 20);
  CHECK_FAILS_WITH(heads(R"({"num_key_value_heads": 3})"), "a multiple of num_key_value_heads");
  CHECK_FAILS_WITH(heads(R"({"num_attention_heads": 30})"), "at most hidden_size");
}

}  // namespace
}  // namespace linnet::convert
