// GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"): the
// Transformer's decoder with learned positions, norms before each part, and all matrices stored
// [inputs, outputs]; the options are those of transformers' modeling_gpt2.py.

#include <cmath>
#include <string>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"gpt2"};
constexpr const char* kArchitectures[] = {"GPT2LMHeadModel"};

/// Masks, which older versions saved beside the weights.
bool is_mask(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

class Gpt2 {
 public:
  Gpt2(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 50257)),
        width_(config_.size("n_embd", 768)),
        positions_(config_.size("n_positions", 1024)),
        layers_(config_.size("n_layer", 12)),
        heads_(config_.size("n_head", 12)),
        epsilon_(static_cast<float>(config_.number("layer_norm_epsilon", 1e-5))),
        activation_(read_activation(config_, "activation_function", "gelu_new")),
        // Checkpoints of the bare model have no prefix.
        at_(weights_.contains("transformer.wte.weight") ? "transformer." : "") {
    if (width_ % heads_ != 0) config_.fail("n_head", "a divisor of n_embd");
    feed_forward_ = config_.has("n_inner") ? config_.size("n_inner")
                                           : config_.product("n_embd", width_, "4", 4);
    config_.product("n_embd", width_, "3", 3);
    if (config_.flag("add_cross_attention", false)) config_.fail("add_cross_attention", "false");
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
    graph.context = static_cast<uint32_t>(positions_);
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, at_ + "wte.weight", vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table.value);
    x = g_.position_embedding("positions", x, weights_(at_ + "wpe.weight", {positions_, width_}));
    for (int32_t i = 0; i < layers_; ++i) x = layer(i, x);
    x = layer_norm(g_, "norm", g_.last_rows("last", x), weights_, at_ + "ln_f", epsilon_);
    const bool tied = config_.flag("tie_word_embeddings", true);
    g_.output(language_model_head(g_, weights_, x, table, tied));
    weights_.require_all_used(is_mask);
  }

 private:
  Value layer(int32_t index, Value x) {
    const auto scope = g_.scope("layers." + std::to_string(index));
    const std::string at = at_ + "h." + std::to_string(index) + ".";
    const Value attention_in = layer_norm(g_, "attention_norm", x, weights_, at + "ln_1", epsilon_);
    x = g_.elementwise("attention_residual", x).add(attention(index, at, attention_in)).end();
    const Value mlp_in = layer_norm(g_, "mlp_norm", x, weights_, at + "ln_2", epsilon_);
    const Mlp feed_forward = {.up = matrix(at + "mlp.c_fc", feed_forward_, width_),
                              .down = matrix(at + "mlp.c_proj", width_, feed_forward_),
                              .activation = activation_};
    return g_.elementwise("mlp_residual", x).add(mlp(g_, feed_forward, mlp_in)).end();
  }

  Value attention(int32_t index, const std::string& at, Value x) {
    const Affine all = matrix(at + "attn.c_attn", 3 * width_, width_);
    return self_attention(g_,
                          {.heads = {heads_, heads_, width_ / heads_},
                           .query = row_range(all, 0, width_),
                           .key = row_range(all, width_, width_),
                           .value = row_range(all, 2 * width_, width_),
                           .output = matrix(at + "attn.c_proj", width_, width_),
                           .scale = static_cast<float>(scale(index))},
                          x);
  }

  double scale(int32_t index) const {
    double scale = 1;
    if (config_.flag("scale_attn_weights", true)) scale /= std::sqrt(width_ / heads_);
    if (config_.flag("scale_attn_by_inverse_layer_idx", false)) scale /= index + 1;
    return scale;
  }

  Affine matrix(const std::string& name, int32_t rows, int32_t columns) {
    return {transposed(weights_(name + ".weight", {columns, rows})),
            weights_(name + ".bias", {rows})};
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, positions_, layers_, heads_;
  float epsilon_;
  schema::Activation activation_;
  std::string at_;
  int32_t feed_forward_ = 0;
};

}  // namespace

template <>
bool recognizes<struct Gpt2Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Gpt2Family>(const Source& source) {
  Graph graph;
  Gpt2(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
