// Granite 4 (IBM): Mamba-2 mixers, a few softmax attention layers, and beside every layer's shared
// MLP a mixture of experts; the equations are those of transformers' modeling_granitemoehybrid.py.

#include <algorithm>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/mamba2_mixer.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"granitemoehybrid"};
constexpr const char* kArchitectures[] = {"GraniteMoeHybridForCausalLM"};

class GraniteMoeHybrid {
 public:
  GraniteMoeHybrid(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 32000)),
        width_(config_.size("hidden_size", 4096)),
        kernel_(read_conv_kernel(config_, "mamba_d_conv", 4)),
        activation_(read_activation(config_, "hidden_act", "silu")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-6))),
        residual_factor_(config_.number("residual_multiplier", 1.0)),
        heads_(read_attention_heads(config_, width_, 32)) {
    const int32_t layers = config_.size("num_hidden_layers", 32);
    const char* key = config_.has("layers_block_type") ? "layers_block_type" : "layer_types";
    types_ = read_layer_types(config_, key, layers, {"mamba", "attention"},
                              std::vector<std::string>(static_cast<size_t>(layers), "mamba"));
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    const std::string positions = config_.text("position_embedding_type", "");
    if (attends() && positions == "rope") {
      rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 1.0));
    }
    Value x = g_.embedding("embedding", tokens, table.value);
    x = multiplied(g_, "embedding_scaled", x, config_.number("embedding_multiplier", 1.0));
    for (size_t i = 0; i < types_.size(); ++i) x = layer(i, x);
    // The head may be the embedding's table: its divisor goes to the norm before it.
    const double scaling = config_.number("logits_scaling", 1.0);
    if (scaling == 0) config_.fail("logits_scaling", "a number other than 0");
    const Weight last = scaled(weights_("model.norm.weight", {width_}), 1 / scaling);
    x = rms_norm(g_, "norm", g_.last_rows("last", x), last, epsilon_);
    g_.output(
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", false)));
    weights_.require_all_used(
        [](const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); });
  }

  int32_t vocabulary() const { return vocabulary_; }
  bool attends() const { return std::ranges::find(types_, "attention") != types_.end(); }

 private:
  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width_}), epsilon_);
  }

  /// The factor of what is added to the residual stream goes to the last matrices.
  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const Value mixer_in = norm("mixer_norm", at + "input_layernorm.weight", x);
    const Value mixed = types_[index] == "mamba" ? mixer(at + "mamba.", mixer_in)
                                                 : attention(at + "self_attn.", mixer_in);
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Value mlp_in = norm("mlp_norm", at + "post_attention_layernorm.weight", x);
    ElementwiseChain sum = g_.elementwise("mlp_residual", x);
    sum.add(shared_mlp(at + "shared_mlp.", mlp_in));
    // A model without experts says so by their number.
    if (config_.number("num_local_experts", 8) > 0) {
      sum.add(mixture(at + "block_sparse_moe.", mlp_in));
    }
    return sum.end();
  }

  Value mixer(const std::string& at, Value x) {
    const int32_t inner =
        config_.product("mamba_expand", config_.size("mamba_expand", 2), "hidden_size", width_);
    Mamba2Mixer mixer = read_mamba2_sizes(config_, inner);
    mixer.activation = activation_;
    mixer.norm = Mamba2Mixer::Norm::after_gate;
    mixer.norm_epsilon = epsilon_;
    const bool bias = config_.flag("mamba_proj_bias", false);
    read_mamba2_weights(weights_, at,
                        {.width = width_,
                         .kernel = kernel_,
                         .in_bias = bias,
                         .convolution_bias = config_.flag("mamba_conv_bias", true),
                         .out_bias = bias,
                         .out = residual_factor_},
                        mixer);
    return mamba2_mixer(g_, mixer, x);
  }

  Value attention(const std::string& at, Value x) {
    const bool bias = config_.flag("attention_bias", false);
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, bias);
    };
    const Affine output = projection("o_proj", width_, heads_.queries());
    return self_attention(
        g_,
        {.heads = heads_,
         .query = projection("q_proj", heads_.queries(), width_),
         .key = projection("k_proj", heads_.keys(), width_),
         .value = projection("v_proj", heads_.keys(), width_),
         .output = scaled(output, residual_factor_),
         .rotary = rotary_,
         .scale = static_cast<float>(config_.number("attention_multiplier", 1.0))},
        x);
  }

  Value shared_mlp(const std::string& at, Value x) {
    const int32_t hidden = config_.size("shared_intermediate_size", 1024);
    const Affine in = read_affine(weights_, at + "input_linear", 2 * hidden, width_, false);
    const Affine out = read_affine(weights_, at + "output_linear", width_, hidden, false);
    return gated_mlp(g_,
                     {.gate = row_range(in, 0, hidden),
                      .up = row_range(in, hidden, hidden),
                      .down = scaled(out, residual_factor_),
                      .activation = activation_},
                     x);
  }

  Value mixture(const std::string& at, Value x) {
    const int32_t experts = config_.size("num_local_experts", 8);
    const int32_t hidden = config_.size("intermediate_size", 11008);
    const Weight in = weights_(at + "input_linear.weight", {experts, 2 * hidden, width_});
    const Weight out = weights_(at + "output_linear.weight", {experts, width_, hidden});
    const int32_t experts_per_token = read_experts_per_token(config_, experts, 2);
    // The softmax of the largest logits alone is that of all with its largest made to sum to one.
    return mixture_of_experts(g_,
                              {.router = weights_(at + "router.layer.weight", {experts, width_}),
                               .weights = {flattened(in), scaled(flattened(out), residual_factor_)},
                               .experts_per_token = experts_per_token,
                               .normalize = true,
                               .activation = activation_},
                              x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, kernel_;
  schema::Activation activation_;
  float epsilon_;
  double residual_factor_;
  AttentionHeads heads_;
  std::vector<std::string> types_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct GraniteMoeHybridFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GraniteMoeHybridFamily>(const Source& source) {
  Graph graph;
  GraniteMoeHybrid model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  if (model.attends()) {
    graph.context = static_cast<uint32_t>(source.config->size("max_position_embeddings", 2048));
  }
  return graph;
}

}  // namespace linnet::convert
