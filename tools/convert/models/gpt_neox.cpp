// GPT-NeoX (Black et al. 2022, arXiv:2204.06745), also the Pythia models: rotary positions on a
// part of each head's channels, and attention and feed-forward side by side in a layer; the
// equations are those of transformers' modeling_gpt_neox.py.

#include <cmath>
#include <string>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"gpt_neox"};
constexpr const char* kArchitectures[] = {"GPTNeoXForCausalLM"};

/// Masks and frequencies, which older versions saved beside the weights.
bool is_buffer(const std::string& name) {
  return name.ends_with(".attention.bias") || name.ends_with(".attention.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

class GptNeoX {
 public:
  GptNeoX(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 50432)),
        width_(config_.size("hidden_size", 6144)),
        feed_forward_(config_.size("intermediate_size", 24576)),
        layers_(config_.size("num_hidden_layers", 44)),
        heads_(config_.size("num_attention_heads", 64)),
        epsilon_(static_cast<float>(config_.number("layer_norm_eps", 1e-5))),
        activation_(read_activation(config_, "hidden_act", "gelu")),
        attention_bias_(config_.flag("attention_bias", true)),
        is_parallel_(config_.flag("use_parallel_residual", true)) {
    if (width_ % heads_ != 0) config_.fail("num_attention_heads", "a divisor of hidden_size");
    config_.product("hidden_size", width_, "3", 3);
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
    graph.context = static_cast<uint32_t>(config_.size("max_position_embeddings", 2048));
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "gpt_neox.embed_in.weight", vocabulary_, width_);
    rotary_ = share_rotary(
        g_, rotary_frequencies(config_, width_ / heads_, config_.number("rotary_pct", 0.25),
                               config_.number("rotary_emb_base", 10000)));
    Value x = g_.embedding("embedding", tokens, table.value);
    for (int32_t i = 0; i < layers_; ++i) x = layer("layers." + std::to_string(i), x);
    x = norm("norm", "gpt_neox.final_layer_norm", g_.last_rows("last", x));
    const bool tied = config_.flag("tie_word_embeddings", false);
    g_.output(language_model_head(g_, weights_, x, table, tied, "embed_out.weight"));
    weights_.require_all_used(is_buffer);
  }

 private:
  Value norm(const std::string& name, const std::string& at, Value x) {
    return layer_norm(g_, name, x, weights_, at, epsilon_);
  }

  /// x + attention(norm_1(x)) + mlp(norm_2(x)) or, one after the other, y = x +
  /// attention(norm_1(x)) and y + mlp(norm_2(y)).
  Value layer(const std::string& name, Value x) {
    const auto scope = g_.scope(name);
    const std::string at = "gpt_neox." + name + ".";
    const Value attended =
        attention(at + "attention.", norm("attention_norm", at + "input_layernorm", x));
    const Value attention_sum = g_.elementwise("attention_residual", x).add(attended).end();
    const Value mlp_in =
        norm("mlp_norm", at + "post_attention_layernorm", is_parallel_ ? x : attention_sum);
    const Mlp feed_forward = {
        .up = read_affine(weights_, at + "mlp.dense_h_to_4h", feed_forward_, width_, true),
        .down = read_affine(weights_, at + "mlp.dense_4h_to_h", width_, feed_forward_, true),
        .activation = activation_};
    return g_.elementwise("mlp_residual", attention_sum).add(mlp(g_, feed_forward, mlp_in)).end();
  }

  Value attention(const std::string& at, Value x) {
    const int32_t dim = width_ / heads_;
    const Affine all =
        read_affine(weights_, at + "query_key_value", 3 * width_, width_, attention_bias_);
    return self_attention(
        g_,
        {.heads = {heads_, heads_, dim},
         .query = part_of_heads(all, 0),
         .key = part_of_heads(all, 1),
         .value = part_of_heads(all, 2),
         .output = read_affine(weights_, at + "dense", width_, width_, attention_bias_),
         .rotary = rotary_,
         .scale = 1.0f / std::sqrt(static_cast<float>(dim))},
        x);
  }

  /// Every head's rows are those of its query, its key and its value.
  Affine part_of_heads(const Affine& all, uint64_t part) const {
    const auto dim = static_cast<uint64_t>(width_ / heads_);
    const auto source = [dim, part](uint64_t row) {
      return (3 * (row / dim) + part) * dim + row % dim;
    };
    Affine rows{selected_rows(all.weight, width_, source), {}};
    if (all.bias) rows.bias = selected_rows(*all.bias, width_, source);
    return rows;
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, feed_forward_, layers_, heads_;
  float epsilon_;
  schema::Activation activation_;
  bool attention_bias_, is_parallel_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct GptNeoXFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GptNeoXFamily>(const Source& source) {
  Graph graph;
  GptNeoX(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
