// LFM2 (Liquid AI): gated short convolutions, and every few layers softmax attention; the equations
// are those of transformers' modeling_lfm2.py.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"lfm2"};
constexpr const char* kArchitectures[] = {"Lfm2ForCausalLM"};

/// Two thirds, times a factor, rounded up, where the config says so.
int32_t feed_forward_width(const Config& config) {
  const char* key = config.has("block_ff_dim") ? "block_ff_dim" : "intermediate_size";
  int64_t width = config.size(key, 12288);
  if (!config.flag("block_auto_adjust_ff_dim", true)) return static_cast<int32_t>(width);
  width = 2 * width / 3;
  const double factor = config.number("block_ffn_dim_multiplier", 1.0);
  const int64_t multiple = config.size("block_multiple_of", 256);
  const double scaled = factor * static_cast<double>(width);
  if (!(scaled >= 1 && scaled <= 1 << 24)) {
    config.fail("block_ffn_dim_multiplier", "a factor that gives a size");
  }
  width = (static_cast<int64_t>(scaled) + multiple - 1) / multiple * multiple;
  return static_cast<int32_t>(width);
}

std::vector<std::string> default_layer_types(const Config& config, int32_t layers) {
  if (!config.has("full_attn_idxs")) {
    return std::vector<std::string>(static_cast<size_t>(layers), "full_attention");
  }
  const std::vector<double> attending = config.numbers("full_attn_idxs");
  std::vector<std::string> types;
  for (int32_t i = 0; i < layers; ++i) {
    const bool attends = std::ranges::find(attending, i) != attending.end();
    types.emplace_back(attends ? "full_attention" : "conv");
  }
  return types;
}

class Lfm2 {
 public:
  Lfm2(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 65536)),
        width_(config_.size("hidden_size", 2560)),
        feed_forward_(feed_forward_width(config_)),
        kernel_(read_conv_kernel(config_, "conv_L_cache", 3)),
        conv_bias_(config_.flag("conv_bias", false)),
        epsilon_(static_cast<float>(config_.number("norm_eps", 1e-5))),
        heads_(read_attention_heads(config_, width_, 32, 8)) {
    const int32_t layers = config_.size("num_hidden_layers", 32);
    types_ = read_layer_types(config_, "layer_types", layers, {"full_attention", "conv"},
                              default_layer_types(config_, layers));
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    if (attends()) {
      rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 1.0, 1e6));
    }
    Value x = g_.embedding("embedding", tokens, table.value);
    for (size_t i = 0; i < types_.size(); ++i) x = layer(i, x);
    x = norm("norm", "model.embedding_norm.weight", width_, g_.last_rows("last", x));
    const char* tied = config_.has("tie_embedding") ? "tie_embedding" : "tie_word_embeddings";
    g_.output(language_model_head(g_, weights_, x, table, config_.flag(tied, true)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  bool attends() const { return std::ranges::find(types_, "full_attention") != types_.end(); }

 private:
  Value norm(const std::string& name, const std::string& weight, int32_t width, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width}), epsilon_);
  }

  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const Value mixer_in = norm("mixer_norm", at + "operator_norm.weight", width_, x);
    const Value mixed = types_[index] == "conv" ? short_convolution(at + "conv.", mixer_in)
                                                : attention(at + "self_attn.", mixer_in);
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Value mlp_in = norm("mlp_norm", at + "ffn_norm.weight", width_, x);
    return g_.elementwise("mlp_residual", x).add(mlp(at + "feed_forward.", mlp_in)).end();
  }

  /// (c * convolution(b * u)) W_out, where b, c and u are x W_in.
  Value short_convolution(const std::string& at, Value x) {
    const auto scope = g_.scope("convolution");
    const Affine in = read_affine(weights_, at + "in_proj", 3 * width_, width_, conv_bias_);
    const auto projection = [&](const char* name, int32_t part) {
      const Affine rows = row_range(in, part * width_, width_);
      return g_.linear(name, x, rows.weight, rows.options());
    };
    const Value b = projection("b", 0);
    const Value c = projection("c", 1);
    const Value u = projection("u", 2);
    std::optional<Weight> bias;
    if (conv_bias_) bias = weights_(at + "conv.bias", {width_});
    const Value convolved =
        g_.causal_conv("short", g_.elementwise("b_u", u).multiply(b).end(),
                       transposed(weights_(at + "conv.weight", {width_, kernel_})),
                       schema::Activation::none, bias);
    const Value gated = g_.elementwise("gated", convolved).multiply(c).end();
    const Affine out = read_affine(weights_, at + "out_proj", width_, width_, conv_bias_);
    return g_.linear("out", gated, out.weight, out.options());
  }

  Value attention(const std::string& at, Value x) {
    const int32_t dim = heads_.head_dim;
    const auto projection = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, /*has_bias=*/false);
    };
    return self_attention(g_,
                          {.heads = heads_,
                           .query = projection("q_proj", heads_.queries(), width_),
                           .key = projection("k_proj", heads_.keys(), width_),
                           .value = projection("v_proj", heads_.keys(), width_),
                           .output = projection("out_proj", width_, heads_.queries()),
                           .query_norm = weights_(at + "q_layernorm.weight", {dim}),
                           .key_norm = weights_(at + "k_layernorm.weight", {dim}),
                           .norm_epsilon = epsilon_,
                           .rotary = rotary_,
                           .scale = 1.0f / std::sqrt(static_cast<float>(dim))},
                          x);
  }

  Value mlp(const std::string& at, Value x) {
    return gated_mlp(g_,
                     {.gate = read_affine(weights_, at + "w1", feed_forward_, width_, false),
                      .up = read_affine(weights_, at + "w3", feed_forward_, width_, false),
                      .down = read_affine(weights_, at + "w2", width_, feed_forward_, false)},
                     x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, feed_forward_, kernel_;
  bool conv_bias_;
  float epsilon_;
  AttentionHeads heads_;
  std::vector<std::string> types_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct Lfm2Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Lfm2Family>(const Source& source) {
  Graph graph;
  Lfm2 model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(source.config->size("vocab_size", 65536));
  if (model.attends()) {
    graph.context = static_cast<uint32_t>(source.config->size("max_position_embeddings", 128000));
  }
  return graph;
}

}  // namespace linnet::convert
