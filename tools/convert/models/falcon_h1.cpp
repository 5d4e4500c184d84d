// Falcon-H1 (arXiv:2507.22448): in every layer a Mamba-2 mixer and softmax attention side by side,
// with muP factors on everything; the equations are those of transformers' modeling_falcon_h1.py.

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/mamba2_mixer.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"falcon_h1"};
constexpr const char* kArchitectures[] = {"FalconH1ForCausalLM"};

class FalconH1 {
 public:
  FalconH1(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 128000)),
        width_(config_.size("hidden_size", 4096)),
        feed_forward_(config_.size("intermediate_size", 14336)),
        kernel_(read_conv_kernel(config_, "mamba_d_conv", 4)),
        activation_(read_activation(config_, "hidden_act", "silu")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-5))),
        heads_(read_attention_heads(
            config_, width_, 32,
            config_.is_null("num_key_value_heads") ? std::optional<int32_t>() : 8)),
        mlp_factors_(config_.numbers("mlp_multipliers", {1, 1})),
        ssm_factors_(config_.numbers("ssm_multipliers", {1, 1, 1, 1, 1})) {}

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 1.0));
    Value x = g_.embedding("embedding", tokens, table.value);
    x = multiplied(g_, "embedding_scaled", x, factor("embedding_multiplier"));
    const int32_t layers = config_.size("num_hidden_layers", 32);
    for (int32_t i = 0; i < layers; ++i) x = layer(i, x);
    // The head may be the embedding's table: its factor goes to the norm before it.
    const Weight last =
        scaled(weights_("model.final_layernorm.weight", {width_}), factor("lm_head_multiplier"));
    x = rms_norm(g_, "norm", g_.last_rows("last", x), last, epsilon_);
    g_.output(
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", false)));
    weights_.require_all_used([](const std::string& name) {
      return name.ends_with(".mup_vector") || name.ends_with("rotary_emb.inv_freq");
    });
  }

  int32_t vocabulary() const { return vocabulary_; }

 private:
  double factor(const std::string& key) const { return config_.number(key, 1.0); }

  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width_}), epsilon_);
  }

  Value layer(int32_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const Value mixer_in = norm("mixer_norm", at + "input_layernorm.weight", x);
    const Value remembered = mixer(at + "mamba.", mixer_in);
    const Value attended = attention(at + "self_attn.", mixer_in);
    x = g_.elementwise("mixer_residual", x).add(remembered).add(attended).end();
    const Value mlp_in = norm("mlp_norm", at + "pre_ff_layernorm.weight", x);
    return g_.elementwise("mlp_residual", x).add(mlp(at + "feed_forward.", mlp_in)).end();
  }

  Value mixer(const std::string& at, Value x) {
    const int32_t inner = config_.is_null("mamba_d_ssm")
                              ? config_.product("mamba_expand", config_.size("mamba_expand", 2),
                                                "hidden_size", width_)
                              : config_.size("mamba_d_ssm", 1024);
    Mamba2Mixer mixer = read_mamba2_sizes(config_, inner);
    mixer.activation = activation_;
    if (config_.flag("mamba_rms_norm", false)) {
      mixer.norm = config_.flag("mamba_norm_before_gate", true) ? Mamba2Mixer::Norm::before_gate
                                                                : Mamba2Mixer::Norm::after_gate;
      mixer.norm_groups = static_cast<uint32_t>(mixer.groups);
      mixer.norm_epsilon = epsilon_;
    }
    const std::vector<double>& parts = ssm_factors_;
    read_mamba2_weights(weights_, at,
                        {.width = width_,
                         .kernel = kernel_,
                         .in_bias = config_.flag("mamba_proj_bias", false),
                         .convolution_bias = config_.flag("mamba_conv_bias", true),
                         .out_bias = config_.flag("projectors_bias", false),
                         .in = factor("ssm_in_multiplier"),
                         .gate = parts[0],
                         .x = parts[1],
                         .b = parts[2],
                         .c = parts[3],
                         .step = parts[4],
                         .out = factor("ssm_out_multiplier")},
                        mixer);
    return mamba2_mixer(g_, mixer, x);
  }

  Value attention(const std::string& at, Value x) {
    const bool bias = config_.flag("attention_bias", false);
    // The factor of the input multiplies weights, but no bias.
    const auto projection = [&](const char* name, int32_t rows) {
      Affine affine = read_affine(weights_, at + name, rows, width_, bias);
      affine.weight = scaled(std::move(affine.weight), factor("attention_in_multiplier"));
      return affine;
    };
    const Affine output = read_affine(weights_, at + "o_proj", width_, heads_.queries(), bias);
    return self_attention(
        g_,
        {.heads = heads_,
         .query = projection("q_proj", heads_.queries()),
         .key = scaled(projection("k_proj", heads_.keys()), factor("key_multiplier")),
         .value = projection("v_proj", heads_.keys()),
         .output = scaled(output, factor("attention_out_multiplier")),
         .rotary = rotary_,
         .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim))},
        x);
  }

  Value mlp(const std::string& at, Value x) {
    const bool bias = config_.flag("mlp_bias", false);
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, bias);
    };
    return gated_mlp(
        g_,
        {.gate = scaled(projection("gate_proj", feed_forward_, width_), mlp_factors_[0]),
         .up = projection("up_proj", feed_forward_, width_),
         .down = scaled(projection("down_proj", width_, feed_forward_), mlp_factors_[1]),
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
  std::vector<double> mlp_factors_, ssm_factors_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct FalconH1Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct FalconH1Family>(const Source& source) {
  Graph graph;
  FalconH1 model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  graph.context = static_cast<uint32_t>(source.config->size("max_position_embeddings", 8192));
  return graph;
}

}  // namespace linnet::convert
