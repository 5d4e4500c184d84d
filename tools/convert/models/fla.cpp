// The frame of flash-linear-attention's models.

#include "tools/convert/models/fla.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/convert/models/rope.h"

namespace linnet::convert {
namespace {

using schema::Activation;

/// What the runtime's CausalConv takes.
constexpr int32_t kSmallestConvKernel = 2, kLargestConvKernel = 16;

}  // namespace

FlaModel::FlaModel(const Source& source, const FlaDefaults& defaults)
    : config_(*source.config), defaults_(defaults), weights_(source.checkpoint), g_(graph_) {
  config_.require_one_of("hidden_act", {"swish"});
  if (config_.has("attnres_block_size")) {
    config_.fail("attnres_block_size", "null: attention over residuals is not known");
  }
  width_ = config_.size("hidden_size", 2048);
  layers_ = config_.size("num_hidden_layers", defaults.layers);
  epsilon_ = static_cast<float>(config_.number("norm_eps", 1e-6));
  feed_forward_ = read_feed_forward(defaults.hidden_ratio);
  kernel_ = config_.size("conv_size", 4);
  read_attention();
}

/// By default two thirds of hidden_ratio times the width, rounded up to a multiple of 256.
int32_t FlaModel::read_feed_forward(double default_ratio) const {
  if (config_.has("intermediate_size")) return config_.size("intermediate_size");
  const double ratio = config_.number("hidden_ratio", default_ratio);
  if (!(ratio > 0 && ratio <= 64)) config_.fail("hidden_ratio", "a number up to 64");
  return (static_cast<int32_t>(width_ * ratio * 2 / 3) + 255) / 256 * 256;
}

void FlaModel::read_attention() {
  for (const Config& spec : config_.objects("attn")) {
    const std::vector<int32_t> layers = spec.indices("layers", layers_);
    for (const int32_t layer : layers) {
      if (attention_of(layer) != nullptr) spec.fail("layers", "layers that no other entry has");
    }
    attention_.push_back({layers, spec});
    if (spec.has("window_size")) continue;
    graph_.context = static_cast<uint32_t>(config_.size("max_position_embeddings", 2048));
  }
}

const Config* FlaModel::attention_of(int32_t layer) const {
  for (const Attention& attention : attention_) {
    if (std::ranges::find(attention.layers, layer) != attention.layers.end()) {
      return &attention.config;
    }
  }
  return nullptr;
}

/// int(hidden_size * factor) / heads, which must be whole.
int32_t FlaModel::scaled(const std::string& key, double factor, int32_t heads) const {
  const auto size = static_cast<int64_t>(factor > 0 && factor <= 1024 ? width_ * factor : 0);
  if (size == 0 || size > (1 << 24) || size % heads != 0) {
    config_.fail(key, "a factor of hidden_size whose product num_heads divides");
  }
  return static_cast<int32_t>(size / heads);
}

FlaHeads FlaModel::read_heads() const {
  FlaHeads heads;
  heads.heads = config_.size("num_heads", defaults_.heads);
  heads.key_heads = config_.size("num_kv_heads", heads.heads);
  heads.key_dim = scaled("expand_k", config_.number("expand_k", defaults_.expand_k), heads.heads);
  heads.value_dim = scaled("expand_v", config_.number("expand_v", defaults_.expand_v), heads.heads);
  if (heads.heads % heads.key_heads != 0) config_.fail("num_kv_heads", "a divisor of num_heads");
  return heads;
}

FlaHeads FlaModel::read_heads(int32_t head_dim, double expand_v) const {
  FlaHeads heads;
  heads.key_heads = config_.size("num_heads", defaults_.heads);
  heads.heads = config_.size("num_v_heads", heads.key_heads);
  heads.key_dim = config_.size("head_dim", head_dim);
  const double factor = config_.number("expand_v", expand_v);
  const double values = factor > 0 && factor <= 1024 ? heads.key_dim * factor : 0;
  if (values < 1 || std::abs(values - std::round(values)) > 1e-5 * values) {
    config_.fail("expand_v", "a factor that makes a whole number of head_dim");
  }
  if (heads.heads % heads.key_heads != 0) config_.fail("num_v_heads", "a multiple of num_heads");
  heads.value_dim = static_cast<int32_t>(std::round(values));
  config_.product("num_v_heads", heads.heads, "head_dim", heads.key_dim);
  config_.product("num_v_heads", heads.heads, "expand_v", heads.value_dim);
  return heads;
}

Graph FlaModel::build(const Mixer& mixer) {
  const int32_t vocabulary = config_.size("vocab_size", 32000);
  const Value tokens = g_.input_tokens();
  const Value table =
      g_.weight("embedding.table", weights_("model.embeddings.weight", {vocabulary, width_}),
                WeightRole::embedding);
  Value x = g_.embedding("embedding", tokens, table);
  for (int32_t i = 0; i < layers_; ++i) {
    const std::string number = "layers." + std::to_string(i);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const Value mixer_in = rms_norm("mixer_norm", x, at + "attn_norm");
    const Config* softmax = attention_of(i);
    const Value mixed = softmax != nullptr ? attention(*softmax, at + "attn.", mixer_in)
                                           : mixer(i, at + "attn.", mixer_in);
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Value mlp_in = rms_norm("mlp_norm", x, at + "mlp_norm");
    x = g_.elementwise("mlp_residual", x).add(mlp(at + "mlp.", mlp_in)).end();
  }
  x = rms_norm("norm", g_.last_rows("last", x), "model.norm");
  const bool tied = config_.flag("tie_word_embeddings", false);
  if (tied) weights_.ignore("lm_head.weight");
  g_.output(
      g_.linear("logits", x,
                tied ? table
                     : g_.weight("logits.weight", weights_("lm_head.weight", {vocabulary, width_}),
                                 WeightRole::head)));
  weights_.require_all_used([](const std::string& name) { return name.ends_with(".inv_freq"); });
  graph_.vocabulary = static_cast<uint32_t>(vocabulary);
  return std::move(graph_);
}

Value FlaModel::rms_norm(const std::string& name, Value x, const std::string& tensor) {
  return g_.norm(name, x, {schema::NormKind::rms, 1, epsilon_},
                 weights_(tensor + ".weight", {width_}));
}

/// (silu(x W_gate) * x W_up) W_down.
Value FlaModel::mlp(const std::string& at, Value x) {
  const auto scope = g_.scope("mlp");
  const Value gate = projection("gate", x, at + "gate_proj.weight", feed_forward_);
  const Value up = projection("up", x, at + "up_proj.weight", feed_forward_);
  const Value product = g_.elementwise("product", up).multiply_silu(gate).end();
  return projection("down", product, at + "down_proj.weight", width_);
}

Value FlaModel::projection(const std::string& name, Value x, const std::string& tensor,
                           int32_t outputs, const LinearOptions& options) {
  return g_.linear(name, x, weights_(tensor, {outputs, g_.width(x)}), options);
}

Value FlaModel::head_projection(const std::string& at, const std::string& letter, Value x,
                                const FlaHeads& heads, int32_t channels, Activation activation) {
  const int32_t stored = channels / heads.times();
  const auto repeated = [&](Weight weight) {
    if (heads.times() == 1) return weight;
    return repeated_heads(std::move(weight), heads.key_heads, heads.times());
  };
  LinearOptions options;
  if (!short_conv_) options.activation = activation;
  const Value projected = g_.linear(
      letter, x, repeated(weights_(at + letter + "_proj.weight", {stored, width_})), options);
  if (!short_conv_) return projected;
  if (kernel_ < kSmallestConvKernel || kernel_ > kLargestConvKernel) {
    config_.fail("conv_size", "from " + std::to_string(kSmallestConvKernel) + " to " +
                                  std::to_string(kLargestConvKernel));
  }
  const Weight kernel = repeated(weights_(at + letter + "_conv1d.weight", {stored, kernel_}));
  return g_.causal_conv(letter + "_conv", projected, transposed(kernel), activation);
}

Value FlaModel::write_strength(const std::string& at, Value x, int32_t heads) {
  const Value beta = projection("beta", x, at + "b_proj.weight", heads,
                                {.activation = Activation::sigmoid, .role = WeightRole::gate});
  if (!config_.flag("allow_neg_eigval", false)) return beta;
  return g_.elementwise("doubled_beta", beta).multiply(2.0f).end();
}

Value FlaModel::feature_map(const std::string& name, Value x) {
  if (!config_.has("feature_map")) return x;
  config_.require_one_of("feature_map",
                         {"relu", "sigmoid", "logsigmoid", "silu", "swish", "sqrelu", "gelu"});
  const std::string function = config_.text("feature_map", "");
  auto chain = g_.elementwise(name + "_features", x);
  if (function == "relu") return chain.relu().end();
  if (function == "sigmoid") return chain.sigmoid().end();
  if (function == "logsigmoid") return chain.log_sigmoid().end();
  if (function == "sqrelu") return chain.relu().square().end();
  if (function == "gelu") return chain.gelu_tanh().end();
  return chain.silu().end();
}

/// The original names the norm otherwise where one kernel does norm and gate.
FlaOutput FlaModel::gated_output(const FlaHeads& heads) const {
  const bool is_gated = config_.flag("use_output_gate", true);
  const bool is_fused = is_gated && config_.flag("fuse_norm", true);
  return {.heads = heads,
          .norm = is_fused ? "g_norm_swish_gate" : "g_norm",
          .has_weight = config_.flag("elementwise_affine", true),
          .is_gated = is_gated};
}

Value FlaModel::output(const std::string& at, Value read, Value x, const FlaOutput& options) {
  std::optional<Weight> weight;
  if (options.has_weight) {
    weight = weights_(at + options.norm + ".weight", {options.heads.value_dim});
  }
  Value y = g_.norm("norm", read, {schema::NormKind::rms, options.heads.count(), epsilon_}, weight);
  if (options.is_gated) {
    const Value gate = projection("gate", x, at + "g_proj.weight", options.heads.values());
    y = g_.elementwise("gated", y).multiply_silu(gate).end();
  }
  return projection("out", y, at + "o_proj.weight", width_);
}

Value FlaModel::attention_projection(const std::string& at, const std::string& letter, Value x,
                                     int32_t outputs, bool bias) {
  LinearOptions options;
  if (bias) options.bias = weights_(at + letter + "_proj.bias", {outputs});
  return projection(letter, x, at + letter + "_proj.weight", outputs, options);
}

/// Softmax attention with rotary positions, of all tokens or of the last window_size ones.
Value FlaModel::attention(const Config& spec, const std::string& at, Value x) {
  const auto scope = g_.scope("attention");
  const int32_t heads = spec.size("num_heads");
  const int32_t key_heads = spec.size("num_kv_heads", heads);
  if (width_ % heads != 0) spec.fail("num_heads", "a divisor of hidden_size");
  if (heads % key_heads != 0) spec.fail("num_kv_heads", "a divisor of num_heads");
  const int32_t dim = width_ / heads;
  const bool bias = spec.flag("qkv_bias", false);
  const RotaryFrequencies turns = rotary_frequencies(spec, dim, 1);
  const Value frequencies =
      g_.weight("rotary.frequencies",
                constant({static_cast<int32_t>(turns.frequencies.size())}, turns.frequencies));
  const auto turned = [&](const std::string& letter, int32_t count) {
    return g_.rotary(letter + "_rotary", attention_projection(at, letter, x, count * dim, bias),
                     frequencies,
                     {.heads = static_cast<uint32_t>(count), .dimensions = turns.dimensions()});
  };
  const Value q = turned("q", heads);
  const Value k = turned("k", key_heads);
  const Value attended =
      g_.softmax_attention("softmax",
                           {.query = q,
                            .key = k,
                            .value = attention_projection(at, "v", x, key_heads * dim, bias),
                            .head_dim = dim,
                            .value_dim = dim,
                            .window = spec.has("window_size") ? spec.size("window_size") : 0},
                           {.heads = static_cast<uint32_t>(heads),
                            .key_value_heads = static_cast<uint32_t>(key_heads),
                            .scale = 1.0f / std::sqrt(static_cast<float>(dim))});
  return projection("out", attended, at + "o_proj.weight", width_);
}

}  // namespace linnet::convert
