#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/config.h"
#include "tools/convert/models/rope.h"
#include "tools/convert/weights.h"

// The parts that most decoders of Hugging Face's transformers are made of.
namespace linnet::convert {

/// What the runtime's CausalConv takes.
inline constexpr int32_t kSmallestConvKernel = 2, kLargestConvKernel = 16;

/// x W^T + b.
struct Affine {
  Weight weight;
  std::optional<Weight> bias;

  LinearOptions options(schema::Activation activation = schema::Activation::none,
                        WeightRole role = WeightRole::projection) const {
    return {.bias = bias, .activation = activation, .role = role};
  }
};

/// Tensors `name`.weight and, where there is one, `name`.bias.
Affine read_affine(WeightReader& weights, const std::string& name, int32_t rows, int32_t columns,
                   bool has_bias);
/// factor (x W^T + b).
Affine scaled(Affine affine, double factor);
Weight scaled(Weight weight, double factor);
/// Outputs [first, first + count).
Affine row_range(const Affine& affine, int32_t first, int32_t count);

/// A `hidden_act` by the name that transformers gives it.
schema::Activation read_activation(const Config& config, const std::string& key,
                                   const std::string& fallback);

/// A convolution's size, which the runtime must have a kernel for.
int32_t read_conv_kernel(const Config& config, const std::string& key, int32_t fallback);

/// `layer_types`, which must have one of `known` for every layer.
std::vector<std::string> read_layer_types(const Config& config, const std::string& key,
                                          int32_t layers, const std::vector<std::string>& known,
                                          const std::vector<std::string>& fallback);

/// RMSNorm over groups of as many columns as the weight has.
Value rms_norm(GraphBuilder& g, const std::string& name, Value x, const Weight& weight,
               float epsilon);

/// (x - mean) / sqrt(variance + epsilon) times tensor `at`.weight plus `at`.bias.
Value layer_norm(GraphBuilder& g, const std::string& name, Value x, WeightReader& weights,
                 const std::string& at, float epsilon);

/// factor x.
Value multiplied(GraphBuilder& g, const std::string& name, Value x, double factor);

/// cap tanh(x / cap).
Value soft_cap(GraphBuilder& g, const std::string& name, Value x, float cap);

/// Query heads over fewer key-value heads.
struct AttentionHeads {
  int32_t heads = 0, key_value_heads = 0, head_dim = 0;

  int32_t queries() const { return heads * head_dim; }
  int32_t keys() const { return key_value_heads * head_dim; }
};

/// num_attention_heads, num_key_value_heads (by default as many) and head_dim (by default width /
/// heads).
AttentionHeads read_attention_heads(const Config& config, int32_t width, int32_t default_heads,
                                    std::optional<int32_t> default_key_value_heads = {});

/// Rotary frequencies as a weight that all layers share; without a value no channel turns.
struct SharedRotary {
  Value frequencies;
  uint32_t dimensions = 0;
  float scale = 1;
};
SharedRotary share_rotary(GraphBuilder& g, const RotaryFrequencies& rotary);

/// softmax(scale q k^T) v W_o with q and k normalised and turned first, where there is what to.
struct SelfAttention {
  AttentionHeads heads;
  Affine query, key, value, output;
  std::optional<Weight> query_norm = {}, key_norm = {};  ///< [head_dim], or of all heads together
  float norm_epsilon = 0;
  SharedRotary rotary = {};
  float scale = 1;
  int32_t window = 0;  ///< as in AttentionInputs
};
Value self_attention(GraphBuilder& g, const SelfAttention& attention, Value x);

/// activation(x W_up) W_down.
struct Mlp {
  Affine up, down;
  schema::Activation activation = schema::Activation::none;
};
Value mlp(GraphBuilder& g, const Mlp& mlp, Value x);

/// (activation(x W_gate) * x W_up) W_down.
struct GatedMlp {
  Affine gate, up, down;
  schema::Activation activation = schema::Activation::silu;
};
Value gated_mlp(GraphBuilder& g, const GatedMlp& mlp, Value x);

/// The sum of the chosen experts' GatedMlps, weighted by the router.
struct Mixture {
  Weight router;  ///< [experts, width]
  ExpertWeights weights;
  int32_t experts_per_token = 0;
  bool normalize = true;
  schema::Activation activation = schema::Activation::silu;
};
Value mixture_of_experts(GraphBuilder& g, const Mixture& mixture, Value x);

/// num_experts_per_tok, not above the number of experts.
int32_t read_experts_per_token(const Config& config, int32_t experts, int32_t fallback);

/// What the three matrices of expert e are called: at + "experts." + e + "." + name + ".weight".
struct ExpertNames {
  const char* gate;
  const char* up;
  const char* down;
};
/// The experts' matrices, whether stored one by one or as at + "experts.gate_up_proj" and
/// "experts.down_proj", all experts together.
ExpertWeights read_experts(WeightReader& weights, const std::string& at, const ExpertNames& names,
                           int32_t experts, int32_t hidden, int32_t width);

/// Tensors of shape [a, b, c] as [a * b, c].
Weight flattened(Weight weight);

struct EmbeddingTable {
  Value value;
  Weight weight;
};
EmbeddingTable read_embedding(GraphBuilder& g, WeightReader& weights, const std::string& name,
                              int32_t vocabulary, int32_t width);

/// x W^T with tensor `head` for W or, where both are tied, the embedding's table. As in
/// transformers, a head that is stored with other values than the table's is not tied to it.
Value language_model_head(GraphBuilder& g, WeightReader& weights, Value x,
                          const EmbeddingTable& table, bool tied,
                          const std::string& head = "lm_head.weight");

}  // namespace linnet::convert
