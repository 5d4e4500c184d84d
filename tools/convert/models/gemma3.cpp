// Gemma 3 (Gemma Team 2025, arXiv:2503.19786), its text part: most layers see a sliding window, and
// every few all tokens, with slower rotary positions; norms stand before and behind each part. The
// equations are those of transformers' modeling_gemma3.py, which caps the logits where
// final_logit_softcapping says so, but never scores, whatever attn_logit_softcapping says.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"gemma3_text"};
constexpr const char* kArchitectures[] = {"Gemma3ForCausalLM"};
constexpr const char* kSliding = "sliding_attention";
constexpr const char* kFull = "full_attention";

std::vector<std::string> default_layer_types(const Config& config, int32_t layers) {
  const char* key =
      config.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
  const int32_t pattern = config.size(key, 6);
  std::vector<std::string> types;
  types.reserve(static_cast<size_t>(layers));
  for (int32_t i = 1; i <= layers; ++i) types.emplace_back(i % pattern == 0 ? kFull : kSliding);
  return types;
}

/// rope_parameters has an object for each type of layer; older configs have two bases, and
/// rope_scaling for the layers that see all.
RotaryFrequencies read_rotary(const Config& config, const std::string& type, int32_t head_dim) {
  const bool is_full = type == kFull;
  const double theta =
      is_full ? config.number("rope_theta", 1e6) : config.number("rope_local_base_freq", 1e4);
  const bool is_old = is_full && config.has("rope_scaling");
  const Config parameters =
      is_old ? config.object("rope_scaling") : config.object("rope_parameters").object(type);
  const Config positions(
      {{"max_position_embeddings", config.size("max_position_embeddings", 131072)}},
      config.where());
  return rotary_frequencies(positions, parameters, head_dim, 1.0, theta);
}

class Gemma3 {
 public:
  Gemma3(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 262208)),
        width_(config_.size("hidden_size", 2304)),
        feed_forward_(config_.size("intermediate_size", 9216)),
        window_(config_.size("sliding_window", 4096)),
        activation_(read_activation(config_, "hidden_activation", "gelu_pytorch_tanh")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-6))),
        heads_(read_attention_heads(config_, width_, 8, 4)) {
    if (!config_.has("head_dim")) heads_.head_dim = 256;
    config_.product("num_attention_heads", heads_.heads, "head_dim", heads_.head_dim);
    const int32_t layers = config_.size("num_hidden_layers", 26);
    types_ = read_layer_types(config_, "layer_types", layers, {kFull, kSliding},
                              default_layer_types(config_, layers));
    if (config_.flag("use_bidirectional_attention", false)) {
      config_.fail("use_bidirectional_attention", "false");
    }
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
    graph.context = static_cast<uint32_t>(config_.size("max_position_embeddings", 131072));
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    local_rotary_ = rotary("local", kSliding);
    global_rotary_ = rotary("global", kFull);
    Value x = g_.embedding("embedding", tokens, table.value);
    // The original rounds the factor to the type that it computes in, which here is f32.
    x = multiplied(g_, "embedding_scaled", x, std::sqrt(static_cast<float>(width_)));
    for (size_t i = 0; i < types_.size(); ++i) x = layer(i, x);
    x = norm("norm", "model.norm.weight", g_.last_rows("last", x));
    const bool tied = config_.flag("tie_word_embeddings", true);
    Value logits = language_model_head(g_, weights_, x, table, tied);
    if (config_.has("final_logit_softcapping")) {
      const double cap = config_.number("final_logit_softcapping");
      if (!(cap > 0)) config_.fail("final_logit_softcapping", "above 0");
      logits = soft_cap(g_, "logits_capped", logits, static_cast<float>(cap));
    }
    g_.output(logits);
    weights_.require_all_used([](const std::string&) { return false; });
  }

 private:
  SharedRotary rotary(const char* name, const char* type) {
    if (std::ranges::find(types_, type) == types_.end()) return {};
    const auto scope = g_.scope(name);
    return share_rotary(g_, read_rotary(config_, type, heads_.head_dim));
  }

  /// The weights of norms are stored as their difference from one.
  Weight norm_weight(const std::string& name, int32_t width) {
    return mapped(weights_(name, {width}), [](float w) { return 1.0f + w; });
  }

  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, norm_weight(weight, width_), epsilon_);
  }

  /// y = x + norm(attention(norm(x))), y + norm(mlp(norm(y))).
  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    Value y = norm("attention_norm", at + "input_layernorm.weight", x);
    y = attention(at + "self_attn.", y, types_[index] == kSliding);
    y = norm("attention_out_norm", at + "post_attention_layernorm.weight", y);
    x = g_.elementwise("attention_residual", x).add(y).end();
    y = norm("mlp_norm", at + "pre_feedforward_layernorm.weight", x);
    y = norm("mlp_out_norm", at + "post_feedforward_layernorm.weight", mlp(at + "mlp.", y));
    return g_.elementwise("mlp_residual", x).add(y).end();
  }

  Value attention(const std::string& at, Value x, bool is_sliding) {
    const bool bias = config_.flag("attention_bias", false);
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, bias);
    };
    const double scalar = config_.number("query_pre_attn_scalar", 256);
    if (!(scalar > 0)) config_.fail("query_pre_attn_scalar", "above 0");
    return self_attention(g_,
                          {.heads = heads_,
                           .query = projection("q_proj", heads_.queries(), width_),
                           .key = projection("k_proj", heads_.keys(), width_),
                           .value = projection("v_proj", heads_.keys(), width_),
                           .output = projection("o_proj", width_, heads_.queries()),
                           .query_norm = norm_weight(at + "q_norm.weight", heads_.head_dim),
                           .key_norm = norm_weight(at + "k_norm.weight", heads_.head_dim),
                           .norm_epsilon = epsilon_,
                           .rotary = is_sliding ? local_rotary_ : global_rotary_,
                           .scale = static_cast<float>(1 / std::sqrt(scalar)),
                           .window = is_sliding ? window_ : 0},
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
  int32_t vocabulary_, width_, feed_forward_, window_;
  schema::Activation activation_;
  float epsilon_;
  AttentionHeads heads_;
  std::vector<std::string> types_;
  SharedRotary local_rotary_, global_rotary_;
};

}  // namespace

template <>
bool recognizes<struct Gemma3Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Gemma3Family>(const Source& source) {
  Graph graph;
  Gemma3(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
