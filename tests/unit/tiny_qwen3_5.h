#pragma once

#include <string>
#include <vector>

#include "tests/unit/checkpoint_builder.h"
#include "tests/unit/temp_folder.h"

namespace linnet::test {

/// A folder with a made-up qwen3_5_text checkpoint: width 12, 20 tokens, 2 key heads of 4 channels,
/// value heads of 5, 4 softmax heads of 4 over 2 key-value heads.
class TinyQwen35 {
 public:
  struct Options {
    std::vector<std::string> layers;  ///< "linear" or "full"
    int value_heads = 2;
    bool tied = true;
    bool attention_bias = false;
  };

  explicit TinyQwen35(const Options& options) : options_(options) {
    tensors_.add("model.embed_tokens.weight", {20, 12}).add("model.norm.weight", {12});
    if (!options.tied) tensors_.add("lm_head.weight", {20, 12});
    for (size_t i = 0; i < options.layers.size(); ++i) add_layer(i);
    write();
    write_config(config(""));
  }

  std::string path() const { return folder_.path(); }
  const TempFolder& folder() const { return folder_; }

  /// What write() puts into model.safetensors.
  CheckpointBuilder& tensors() { return tensors_; }
  void write() const { folder_.write("model.safetensors", tensors_.bytes()); }

  void write_config(const std::string& text) const { folder_.write("config.json", text); }

  /// The config with one entry, a JSON value, added or replaced.
  void write_with(const std::string& key, const std::string& value) const {
    write_config(config(key).insert(1, '"' + key + "\": " + value + ", "));
  }

 private:
  using Entry = std::pair<std::string, std::string>;

  std::string config(const std::string& without) const {
    std::string types;
    for (const std::string& layer : options_.layers) {
      types += (types.empty() ? "[\"" : ", \"") + layer + "_attention\"";
    }
    const std::vector<Entry> entries = {
        {"model_type", "\"qwen3_5_text\""},
        {"vocab_size", "20"},
        {"hidden_size", "12"},
        {"intermediate_size", "10"},
        {"num_hidden_layers", std::to_string(options_.layers.size())},
        {"num_attention_heads", "4"},
        {"num_key_value_heads", "2"},
        {"head_dim", "4"},
        {"partial_rotary_factor", "0.5"},
        {"max_position_embeddings", "64"},
        {"linear_num_key_heads", "2"},
        {"linear_key_head_dim", "4"},
        {"linear_num_value_heads", std::to_string(options_.value_heads)},
        {"linear_value_head_dim", "5"},
        {"layer_types", types + "]"},
        {"attention_bias", options_.attention_bias ? "true" : "false"},
        {"tie_word_embeddings", options_.tied ? "true" : "false"}};
    std::string text;
    for (const auto& [key, value] : entries) {
      if (key != without) text += (text.empty() ? "{\"" : ", \"") + key + "\": " + value;
    }
    return text + "}";
  }

  void add_layer(size_t index) {
    const std::string at = "model.layers." + std::to_string(index) + ".";
    tensors_.add(at + "input_layernorm.weight", {12})
        .add(at + "post_attention_layernorm.weight", {12})
        .add(at + "mlp.gate_proj.weight", {10, 12})
        .add(at + "mlp.up_proj.weight", {10, 12})
        .add(at + "mlp.down_proj.weight", {12, 10});
    if (options_.layers[index] == "linear") {
      add_linear_attention(at + "linear_attn.");
    } else {
      add_attention(at + "self_attn.");
    }
  }

  void add_linear_attention(const std::string& at) {
    const int values = 5 * options_.value_heads;
    tensors_.add(at + "in_proj_qkv.weight", {16 + values, 12})
        .add(at + "in_proj_z.weight", {values, 12})
        .add(at + "in_proj_a.weight", {options_.value_heads, 12})
        .add(at + "in_proj_b.weight", {options_.value_heads, 12})
        .add(at + "conv1d.weight", {16 + values, 1, 4})
        .add(at + "A_log", {options_.value_heads})
        .add(at + "dt_bias", {options_.value_heads})
        .add(at + "norm.weight", {5})
        .add(at + "out_proj.weight", {12, values});
  }

  void add_attention(const std::string& at) {
    const std::pair<const char*, CheckpointBuilder::Shape> projections[] = {
        {"q_proj", {32, 12}}, {"k_proj", {8, 12}}, {"v_proj", {8, 12}}, {"o_proj", {12, 16}}};
    for (const auto& [name, shape] : projections) {
      tensors_.add(at + name + ".weight", shape);
      if (options_.attention_bias) tensors_.add(at + name + ".bias", {shape[0]});
    }
    tensors_.add(at + "q_norm.weight", {4}).add(at + "k_norm.weight", {4});
  }

  Options options_;
  TempFolder folder_;
  CheckpointBuilder tensors_;
};

}  // namespace linnet::test
