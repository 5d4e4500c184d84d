// MiniMax-01 (arXiv:2501.08313): lightning attention, which is additive fast weights with a fixed
// decay per head, beside softmax attention, and mixtures of experts; the equations are those of
// transformers' modeling_minimax.py.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"minimax"};
constexpr const char* kArchitectures[] = {"MiniMaxForCausalLM"};
// The norm within lightning attention has the original's default, whatever the config.
constexpr float kLightningEpsilon = 1e-6f;

std::vector<std::string> default_layer_types(int32_t layers) {
  std::vector<std::string> types;
  types.reserve(static_cast<size_t>(layers));
  for (int32_t i = 0; i < layers; ++i) {
    types.emplace_back(i % 2 == 0 ? "full_attention" : "linear_attention");
  }
  return types;
}

class MiniMax {
 public:
  MiniMax(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 32000)),
        width_(config_.size("hidden_size", 4096)),
        feed_forward_(config_.size("intermediate_size", 14336)),
        experts_(config_.size("num_local_experts", 8)),
        experts_per_token_(read_experts_per_token(config_, experts_, 2)),
        window_(config_.has("sliding_window") ? config_.size("sliding_window") : 0),
        activation_(read_activation(config_, "hidden_act", "silu")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-5))),
        heads_(read_attention_heads(
            config_, width_, 32,
            config_.is_null("num_key_value_heads") ? std::optional<int32_t>() : 8)),
        layers_(config_.size("num_hidden_layers", 32)),
        types_(read_layer_types(config_, "layer_types", layers_,
                                {"linear_attention", "full_attention"},
                                default_layer_types(layers_))) {}

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    if (attends()) {
      rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 1.0, 1e6));
    }
    Value x = g_.embedding("embedding", tokens, table.value);
    for (int32_t i = 0; i < layers_; ++i) x = layer(i, x);
    x = norm("norm", "model.norm.weight", g_.last_rows("last", x));
    g_.output(
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", false)));
    weights_.require_all_used(is_table_of_decays);
  }

  int32_t vocabulary() const { return vocabulary_; }
  bool attends() const { return std::ranges::find(types_, "full_attention") != types_.end(); }
  bool has_context() const { return attends() && window_ == 0; }

 private:
  /// Powers of the decay, which the chunked form of the original needs.
  static bool is_table_of_decays(const std::string& name) {
    return name.ends_with("_decay") || name.ends_with("rotary_emb.inv_freq");
  }

  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width_}), epsilon_);
  }

  /// What is added is the normed input, not the input: alpha norm(x) + beta f(norm(x)).
  Value layer(int32_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const bool is_linear = types_[static_cast<size_t>(index)] == "linear_attention";
    const std::string kind = is_linear ? "linear_attn" : "full_attn";
    x = norm("mixer_norm", at + "input_layernorm.weight", x);
    const double beta = factor(kind + "_beta_factor");
    const Value mixed = is_linear ? lightning_attention(index, at + "self_attn.", beta, x)
                                  : attention(at + "self_attn.", beta, x);
    x = residual("mixer_residual", x, factor(kind + "_alpha_factor"), mixed);
    x = norm("mlp_norm", at + "post_attention_layernorm.weight", x);
    return residual("mlp_residual", x, factor("mlp_alpha_factor"), mixture(at, x));
  }

  double factor(const std::string& key) const { return config_.number(key, 1.0); }

  Value residual(const std::string& name, Value x, double alpha, Value y) {
    return g_.elementwise(name, multiplied(g_, name + "_scaled", x, alpha)).add(y).end();
  }

  /// S_t = exp(-slope) S_{t-1} + k_t v_t^T, o_t = S_t^T q_t, with q, k, v = act(x W_qkv);
  /// out = (sigmoid(x W_gate) * RMSNorm(o)) W_out.
  Value lightning_attention(int32_t index, const std::string& at, double beta, Value x) {
    const auto scope = g_.scope("lightning_attention");
    const int32_t inner = heads_.queries();
    const auto heads = static_cast<uint32_t>(heads_.heads);
    const Weight qkv = weights_(at + "qkv_proj.weight", {3 * inner, width_});
    const auto projection = [&](const char* name, uint64_t part) {
      return g_.linear(name, x, head_part(qkv, part), {.activation = activation_});
    };
    const Value memory = g_.fast_weight(
        "memory",
        {.query = projection("q", 0),
         .key = projection("k", 1),
         .value = projection("v", 2),
         .decay = g_.weight(
             "decay", mapped(slopes(index, at), [](float slope) { return std::exp(-slope); })),
         .key_dim = heads_.head_dim,
         .value_dim = heads_.head_dim},
        {.heads = heads, .key_heads = heads, .decay = schema::DecayKind::per_head});
    const Value normed =
        rms_norm(g_, "norm", memory, weights_(at + "norm.weight", {inner}), kLightningEpsilon);
    const Value gate = g_.linear("gate", x, weights_(at + "output_gate.weight", {inner, width_}));
    const Value gated = g_.elementwise("gated", normed).multiply_sigmoid(gate).end();
    return g_.linear("out", gated, scaled(weights_(at + "out_proj.weight", {width_, inner}), beta));
  }

  /// The rows of qkv are [query | key | value] head by head.
  Weight head_part(const Weight& qkv, uint64_t part) const {
    const auto dim = static_cast<uint64_t>(heads_.head_dim);
    return row_range(
        permuted_rows(
            qkv, [dim, part](uint64_t row) { return (row / dim * 3 + part) * dim + row % dim; }),
        0, heads_.queries());
  }

  /// Stored with the checkpoint, or as the original makes them: 2^(-8 h / H) for head h = 1 .. H,
  /// less from layer to layer.
  Weight slopes(int32_t index, const std::string& at) {
    const int32_t heads = heads_.heads;
    if (weights_.contains(at + "slope_rate")) return weights_(at + "slope_rate", {heads});
    const double depth = static_cast<double>(index) / (layers_ - 1 + 1e-5);
    std::vector<float> values;
    for (int32_t head = 1; head <= heads; ++head) {
      values.push_back(static_cast<float>(std::exp2(-8.0 * head / heads) * (1 - depth + 1e-5)));
    }
    return constant({heads}, std::move(values));
  }

  Value attention(const std::string& at, double beta, Value x) {
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, /*has_bias=*/false);
    };
    return self_attention(g_,
                          {.heads = heads_,
                           .query = projection("q_proj", heads_.queries(), width_),
                           .key = projection("k_proj", heads_.keys(), width_),
                           .value = projection("v_proj", heads_.keys(), width_),
                           .output = scaled(projection("o_proj", width_, heads_.queries()), beta),
                           .rotary = rotary_,
                           .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim)),
                           .window = window_},
                          x);
  }

  Value mixture(const std::string& layer, Value x) {
    const bool is_old = weights_.contains(layer + "block_sparse_moe.gate.weight");
    const std::string at = layer + (is_old ? "block_sparse_moe." : "mlp.");
    ExpertWeights experts = read_experts(weights_, at, {.gate = "w1", .up = "w3", .down = "w2"},
                                         experts_, feed_forward_, width_);
    experts.down = scaled(std::move(experts.down), factor("mlp_beta_factor"));
    return mixture_of_experts(g_,
                              {.router = weights_(at + "gate.weight", {experts_, width_}),
                               .weights = std::move(experts),
                               .experts_per_token = experts_per_token_,
                               .normalize = true,
                               .activation = activation_},
                              x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, feed_forward_, experts_, experts_per_token_, window_;
  schema::Activation activation_;
  float epsilon_;
  AttentionHeads heads_;
  int32_t layers_;
  std::vector<std::string> types_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct MiniMaxFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct MiniMaxFamily>(const Source& source) {
  Graph graph;
  MiniMax model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  if (model.has_context()) {
    graph.context = static_cast<uint32_t>(source.config->size("max_position_embeddings", 131072));
  }
  return graph;
}

}  // namespace linnet::convert
