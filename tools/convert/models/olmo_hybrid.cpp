// OLMo Hybrid (Ai2): gated delta networks, and every few layers softmax attention, whose norms come
// after attention and feed-forward; the equations are those of transformers'
// modeling_olmo_hybrid.py.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/gated_delta_net.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"olmo_hybrid"};
constexpr const char* kArchitectures[] = {"OlmoHybridForCausalLM"};
// The norm after the delta network keeps flash-linear-attention's default, whatever the config.
constexpr float kOutputNormEpsilon = 1e-5f;

std::vector<std::string> default_layer_types(int32_t layers) {
  std::vector<std::string> types(static_cast<size_t>(layers), "linear_attention");
  for (size_t i = 3; i < types.size(); i += 4) types[i] = "full_attention";
  if (layers < 4) types.back() = "full_attention";
  return types;
}

/// No channel turns where rope_theta is said to be null.
bool has_positions(const Config& config) {
  const Config rope = config.object("rope_parameters");
  if (rope.has("rope_theta") || config.has("rope_scaling")) return true;
  return !rope.is_null("rope_theta") && !config.is_null("rope_theta");
}

class OlmoHybrid {
 public:
  OlmoHybrid(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 100352)),
        width_(config_.size("hidden_size", 3840)),
        feed_forward_(config_.size("intermediate_size", 11008)),
        kernel_(read_conv_kernel(config_, "linear_conv_kernel_dim", 4)),
        activation_(read_activation(config_, "hidden_act", "silu")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-6))),
        heads_(read_attention_heads(config_, width_, 30)) {
    const int32_t layers = config_.size("num_hidden_layers", 32);
    types_ = read_layer_types(config_, "layer_types", layers,
                              {"linear_attention", "full_attention"}, default_layer_types(layers));
    read_linear_sizes();
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    if (attends() && has_positions(config_)) {
      rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 1.0));
    }
    Value x = g_.embedding("embedding", tokens, table.value);
    for (size_t i = 0; i < types_.size(); ++i) {
      const std::string number = "layers." + std::to_string(i);
      const auto scope = g_.scope(number);
      const std::string at = "model." + number + ".";
      x = types_[i] == "linear_attention" ? linear_layer(at, x) : softmax_layer(at, x);
    }
    x = norm("norm", "model.norm.weight", g_.last_rows("last", x));
    g_.output(
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", false)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  int32_t vocabulary() const { return vocabulary_; }
  bool attends() const { return std::ranges::find(types_, "full_attention") != types_.end(); }

 private:
  void read_linear_sizes() {
    const int32_t heads = heads_.heads;
    delta_.key_heads = config_.size("linear_num_key_heads", heads);
    delta_.value_heads = config_.size("linear_num_value_heads", heads);
    const int32_t key_dim = std::max(1, 3 * width_ / 4 / delta_.key_heads);
    delta_.key_dim = config_.size("linear_key_head_dim", key_dim);
    delta_.value_dim = config_.size("linear_value_head_dim", 2 * delta_.key_dim);
    delta_.beta_scale = config_.flag("linear_allow_neg_eigval", true) ? 2.0f : 1.0f;
    delta_.norm_epsilon = kOutputNormEpsilon;
    config_.product("linear_num_key_heads", delta_.key_heads, "linear_key_head_dim",
                    delta_.key_dim);
    config_.product("linear_num_value_heads", delta_.value_heads, "linear_value_head_dim",
                    delta_.value_dim);
    if (delta_.value_heads % delta_.key_heads != 0) {
      config_.fail("linear_num_value_heads", "a multiple of linear_num_key_heads");
    }
  }

  /// Checkpoints call the norms as OLMo does, or as transformers' modules do.
  Weight norm_weight(const std::string& at, const char* name, const char* other) {
    const std::string found = at + (weights_.contains(at + name + ".weight") ? name : other);
    return weights_(found + ".weight", {width_});
  }

  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width_}), epsilon_);
  }

  Value linear_layer(const std::string& at, Value x) {
    const Weight before = norm_weight(at, "attention_layer_norm", "input_layernorm");
    const Value mixed =
        linear_attention(at + "linear_attn.", rms_norm(g_, "mixer_norm", x, before, epsilon_));
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Weight between = norm_weight(at, "feedforward_layer_norm", "post_attention_layernorm");
    const Value mlp_in = rms_norm(g_, "mlp_norm", x, between, epsilon_);
    return g_.elementwise("mlp_residual", x).add(mlp(at + "mlp.", mlp_in)).end();
  }

  /// Here the norms come last, before the sums.
  Value softmax_layer(const std::string& at, Value x) {
    const Weight first = norm_weight(at, "feedforward_layer_norm", "post_attention_layernorm");
    const Value attended = attention(at + "self_attn.", x);
    x = g_.elementwise("mixer_residual", x)
            .add(rms_norm(g_, "mixer_norm", attended, first, epsilon_))
            .end();
    const Value fed =
        norm("mlp_norm", at + "post_feedforward_layernorm.weight", mlp(at + "mlp.", x));
    return g_.elementwise("mlp_residual", x).add(fed).end();
  }

  /// Queries, keys and values have projections and convolutions of their own: here one below the
  /// other.
  Value linear_attention(const std::string& at, Value x) {
    GatedDeltaNet net = delta_;
    const int32_t keys = net.keys();
    const int32_t values = net.values();
    const int32_t heads = net.value_heads;
    const auto matrix = [&](const char* name, int32_t rows) {
      return weights_(at + name + ".weight", {rows, width_});
    };
    const auto kernel = [&](const char* name, int32_t rows) {
      return weights_(at + name + ".weight", {rows, kernel_});
    };
    net.qkv = stacked({matrix("q_proj", keys), matrix("k_proj", keys), matrix("v_proj", values)});
    net.convolution = transposed(
        stacked({kernel("q_conv1d", keys), kernel("k_conv1d", keys), kernel("v_conv1d", values)}));
    net.z = matrix("g_proj", values);
    net.a = matrix("a_proj", heads);
    net.beta = matrix("b_proj", heads);
    net.dt_bias = weights_(at + "dt_bias", {heads});
    net.a_log = weights_(at + "A_log", {heads});
    net.norm = weights_(at + "o_norm.weight", {net.value_dim});
    net.out = weights_(at + "o_proj.weight", {width_, values});
    return gated_delta_net(g_, net, x);
  }

  Value attention(const std::string& at, Value x) {
    const bool bias = config_.flag("attention_bias", false);
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, bias);
    };
    return self_attention(g_,
                          {.heads = heads_,
                           .query = projection("q_proj", heads_.queries(), width_),
                           .key = projection("k_proj", heads_.keys(), width_),
                           .value = projection("v_proj", heads_.keys(), width_),
                           .output = projection("o_proj", width_, heads_.queries()),
                           .query_norm = weights_(at + "q_norm.weight", {heads_.queries()}),
                           .key_norm = weights_(at + "k_norm.weight", {heads_.keys()}),
                           .norm_epsilon = epsilon_,
                           .rotary = rotary_,
                           .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim))},
                          x);
  }

  Value mlp(const std::string& at, Value x) {
    return gated_mlp(g_,
                     {.gate = read_affine(weights_, at + "gate_proj", feed_forward_, width_, false),
                      .up = read_affine(weights_, at + "up_proj", feed_forward_, width_, false),
                      .down = read_affine(weights_, at + "down_proj", width_, feed_forward_, false),
                      .activation = activation_},
                     x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, feed_forward_, kernel_;
  schema::Activation activation_;
  float epsilon_;
  AttentionHeads heads_;
  GatedDeltaNet delta_;  ///< the sizes of all of them
  std::vector<std::string> types_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct OlmoHybridFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct OlmoHybridFamily>(const Source& source) {
  Graph graph;
  OlmoHybrid model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  if (model.attends()) {
    graph.context = static_cast<uint32_t>(source.config->size("max_position_embeddings", 65536));
  }
  return graph;
}

}  // namespace linnet::convert
