// Qwen3.5, text part, and Qwen3-Next: gated delta networks (Yang et al. 2024, arXiv:2412.06464)
// with every few layers a gated softmax attention; the equations are those of transformers'
// modeling_qwen3_5.py and modeling_qwen3_next.py. The latter stores the delta networks' projections
// key head by key head, and has mixtures of experts.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/gated_delta_net.h"
#include "tools/convert/models/rope.h"

namespace linnet::convert {
namespace {

constexpr const char* kNextModelTypes[] = {"qwen3_next"};
constexpr const char* kNextArchitectures[] = {"Qwen3NextForCausalLM"};
constexpr const char* kModelTypes[] = {"qwen3_5", "qwen3_5_text"};
constexpr const char* kArchitectures[] = {"Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration"};

/// Of the model inside.
struct Sizes {
  int32_t vocabulary, width, feed_forward, layers;
  int32_t heads, key_value_heads, head_dim;
  int32_t linear_key_heads, linear_value_heads, linear_key_dim, linear_value_dim, kernel;
  float epsilon;
  bool attention_bias;
  schema::Activation activation = schema::Activation::silu;
  std::vector<bool> linear_layers;
  std::vector<double> dense_layers = {};  ///< Qwen3-Next: layers without experts
  RotaryFrequencies rotary;               ///< empty without softmax attention

  int32_t queries, keys;               ///< all heads of the softmax attention together
  int32_t linear_keys, linear_values;  ///< all heads of the linear attention together

  bool any_linear() const { return std::ranges::find(linear_layers, true) != linear_layers.end(); }
  bool any_softmax() const {
    return std::ranges::find(linear_layers, false) != linear_layers.end();
  }
};

std::vector<bool> read_layer_types(const Config& config, int32_t layers) {
  std::vector<bool> linear;
  if (!config.has("layer_types")) {
    const int32_t interval = config.size("full_attention_interval", 4);
    for (int32_t i = 0; i < layers; ++i) linear.push_back((i + 1) % interval != 0);
    return linear;
  }
  for (const std::string& type : config.texts("layer_types")) {
    if (type != "linear_attention" && type != "full_attention") {
      config.fail("layer_types", "a list of 'linear_attention' and 'full_attention'");
    }
    linear.push_back(type == "linear_attention");
  }
  if (linear.size() != static_cast<size_t>(layers)) {
    config.fail("layer_types", "a list of " + std::to_string(layers) + " (num_hidden_layers)");
  }
  return linear;
}

/// Where transformers' Qwen3_5TextConfig and Qwen3NextConfig differ.
struct Defaults {
  int32_t vocabulary, width, feed_forward, layers, key_value_heads;
};
constexpr Defaults kDefaults = {248320, 4096, 12288, 32, 4};
constexpr Defaults kNextDefaults = {151936, 2048, 5632, 48, 2};

Sizes read_sizes(const Config& config, const Defaults& defaults) {
  if (!config.flag("attn_output_gate", true)) config.fail("attn_output_gate", "true");
  Sizes sizes;
  sizes.vocabulary = config.size("vocab_size", defaults.vocabulary);
  sizes.width = config.size("hidden_size", defaults.width);
  sizes.feed_forward = config.size("intermediate_size", defaults.feed_forward);
  sizes.layers = config.size("num_hidden_layers", defaults.layers);
  sizes.heads = config.size("num_attention_heads", 16);
  sizes.key_value_heads = config.size("num_key_value_heads", defaults.key_value_heads);
  sizes.activation = read_activation(config, "hidden_act", "silu");
  if (config.has("mlp_only_layers")) sizes.dense_layers = config.numbers("mlp_only_layers");
  sizes.head_dim = config.size("head_dim", 256);
  sizes.linear_key_heads = config.size("linear_num_key_heads", 16);
  sizes.linear_value_heads = config.size("linear_num_value_heads", 32);
  sizes.linear_key_dim = config.size("linear_key_head_dim", 128);
  sizes.linear_value_dim = config.size("linear_value_head_dim", 128);
  sizes.kernel = config.size("linear_conv_kernel_dim", 4);
  sizes.epsilon = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  sizes.attention_bias = config.flag("attention_bias", false);
  sizes.linear_layers = read_layer_types(config, sizes.layers);
  if (sizes.any_softmax()) sizes.rotary = rotary_frequencies(config, sizes.head_dim, 0.25);
  sizes.queries = config.product("num_attention_heads", sizes.heads, "head_dim", sizes.head_dim);
  sizes.keys =
      config.product("num_key_value_heads", sizes.key_value_heads, "head_dim", sizes.head_dim);
  sizes.linear_keys = config.product("linear_num_key_heads", sizes.linear_key_heads,
                                     "linear_key_head_dim", sizes.linear_key_dim);
  sizes.linear_values = config.product("linear_num_value_heads", sizes.linear_value_heads,
                                       "linear_value_head_dim", sizes.linear_value_dim);
  if (sizes.heads % sizes.key_value_heads != 0) {
    config.fail("num_attention_heads", "a multiple of num_key_value_heads");
  }
  if (sizes.linear_value_heads % sizes.linear_key_heads != 0) {
    config.fail("linear_num_value_heads", "a multiple of linear_num_key_heads");
  }
  if (sizes.any_linear() &&
      (sizes.kernel < kSmallestConvKernel || sizes.kernel > kLargestConvKernel)) {
    config.fail("linear_conv_kernel_dim", "from " + std::to_string(kSmallestConvKernel) + " to " +
                                              std::to_string(kLargestConvKernel));
  }
  return sizes;
}

class Qwen35 {
 public:
  Qwen35(const Source& source, Graph& graph, bool is_next)
      : is_next_(is_next),
        outer_(*source.config),
        config_(outer_.has("text_config") ? outer_.object("text_config") : outer_),
        sizes_(read_sizes(config_, is_next ? kNextDefaults : kDefaults)),
        weights_(source.checkpoint),
        g_(graph) {
    for (const char* prefix : {"model.language_model.", "language_model.model.", "model.", ""}) {
      prefix_ = prefix;
      if (weights_.contains(prefix_ + "embed_tokens.weight")) break;
      prefix_ = "model.";
    }
    // The head lies beside the model, within what holds both.
    if (prefix_ == "language_model.model." && !weights_.contains(head_)) {
      head_ = "language_model." + head_;
    }
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight("embedding.table",
                                  named("embed_tokens.weight", {sizes_.vocabulary, sizes_.width}),
                                  WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    if (sizes_.any_softmax()) {
      const std::vector<float>& frequencies = sizes_.rotary.frequencies;
      frequencies_ = g_.weight("rotary.frequencies",
                               constant({static_cast<int32_t>(frequencies.size())}, frequencies));
    }
    for (int32_t i = 0; i < sizes_.layers; ++i) x = layer(i, x);
    x = rms_norm("norm", g_.last_rows("last", x), prefix_ + "norm.weight", sizes_.width);
    g_.output(g_.linear("logits", x, tied() ? table : head()));
    weights_.require_all_used(is_beside_the_text);
  }

  const Sizes& sizes() const { return sizes_; }
  const Config& config() const { return config_; }

 private:
  /// The parts of a checkpoint that text doesn't need: images, and multi-token prediction.
  static bool is_beside_the_text(const std::string& name) {
    for (const char* prefix : {"mtp.", "model.mtp.", "model.visual.", "visual."}) {
      if (name.starts_with(prefix)) return true;
    }
    return name.ends_with("rotary_emb.inv_freq");
  }

  Weight named(const std::string& name, const Shape& shape) {
    return weights_(prefix_ + name, shape);
  }

  bool tied() {
    constexpr const char* kTied = "tie_word_embeddings";
    const bool said = (outer_.has(kTied) ? outer_ : config_).flag(kTied, false);
    const bool absent = !weights_.contains(head_);
    const bool tied = said || (absent && config_.flag(kTied, false));
    if (tied) weights_.ignore(head_);
    return tied;
  }

  Value head() {
    return g_.weight("logits.weight", weights_(head_, {sizes_.vocabulary, sizes_.width}),
                     WeightRole::head);
  }

  /// The weights of this norm are stored as their difference from one.
  Value rms_norm(const std::string& name, Value x, const std::string& weight, int32_t width) {
    const auto groups = static_cast<uint32_t>(g_.width(x) / width);
    return g_.norm(name, x, {schema::NormKind::rms, groups, sizes_.epsilon},
                   mapped(weights_(weight, {width}), [](float w) { return 1.0f + w; }));
  }

  Value layer(int32_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = prefix_ + number + ".";
    const Value mixer_in = rms_norm("mixer_norm", x, at + "input_layernorm.weight", sizes_.width);
    const Value mixed = sizes_.linear_layers[static_cast<size_t>(index)]
                            ? linear_attention(at + "linear_attn.", mixer_in)
                            : attention(at + "self_attn.", mixer_in);
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Value mlp_in =
        rms_norm("mlp_norm", x, at + "post_attention_layernorm.weight", sizes_.width);
    return g_.elementwise("mlp_residual", x).add(mlp(index, at + "mlp.", mlp_in)).end();
  }

  Value linear_attention(const std::string& at, Value x) {
    const int32_t keys = sizes_.linear_keys;
    const int32_t values = sizes_.linear_values;
    const int32_t heads = sizes_.linear_value_heads;
    const int32_t mixed = 2 * keys + values;
    const int32_t width = sizes_.width;
    GatedDeltaNet net;
    net.key_heads = sizes_.linear_key_heads;
    net.value_heads = heads;
    net.key_dim = sizes_.linear_key_dim;
    net.value_dim = sizes_.linear_value_dim;
    net.norm_epsilon = sizes_.epsilon;
    if (is_next_) {
      read_grouped_projections(at, net);
    } else {
      net.qkv = weights_(at + "in_proj_qkv.weight", {mixed, width});
      net.z = weights_(at + "in_proj_z.weight", {values, width});
      net.a = weights_(at + "in_proj_a.weight", {heads, width});
      net.beta = weights_(at + "in_proj_b.weight", {heads, width});
    }
    net.convolution = transposed(weights_(at + "conv1d.weight", {mixed, sizes_.kernel}));
    net.dt_bias = weights_(at + "dt_bias", {heads});
    net.a_log = weights_(at + "A_log", {heads});
    // Unlike the other norms, this one's weight is stored as it is.
    net.norm = weights_(at + "norm.weight", {sizes_.linear_value_dim});
    net.out = weights_(at + "out_proj.weight", {width, values});
    return gated_delta_net(g_, net, x);
  }

  /// Qwen3-Next: for every key head the rows [query | key | values | z] of its value heads in one
  /// matrix, and their [beta | a] in another.
  void read_grouped_projections(const std::string& at, GatedDeltaNet& net) {
    const int32_t width = sizes_.width;
    const int32_t values = net.values() / net.key_heads;
    const int32_t heads = net.value_heads / net.key_heads;
    const Weight qkvz =
        weights_(at + "in_proj_qkvz.weight", {2 * (net.keys() + net.values()), width});
    const int32_t group = 2 * (net.key_dim + values);
    const auto part = [&](const Weight& all, int32_t stride, int32_t first, int32_t rows) {
      return group_rows(all, net.key_heads, stride, first, rows);
    };
    net.qkv =
        stacked({part(qkvz, group, 0, net.key_dim), part(qkvz, group, net.key_dim, net.key_dim),
                 part(qkvz, group, 2 * net.key_dim, values)});
    net.z = part(qkvz, group, 2 * net.key_dim + values, values);
    const Weight ba = weights_(at + "in_proj_ba.weight", {2 * net.value_heads, width});
    net.beta = part(ba, 2 * heads, 0, heads);
    net.a = part(ba, 2 * heads, heads, heads);
  }

  /// Rows [first, first + rows) of each of `groups` groups of `stride` rows.
  static Weight group_rows(const Weight& all, int32_t groups, int32_t stride, int32_t first,
                           int32_t rows) {
    std::vector<Weight> parts;
    parts.reserve(static_cast<size_t>(groups));
    for (int32_t i = 0; i < groups; ++i) parts.push_back(row_range(all, i * stride + first, rows));
    return stacked(std::move(parts));
  }

  /// o = (sigmoid(gate) * softmax(q k^T / sqrt(D)) v) W_o.
  Value attention(const std::string& at, Value x) {
    const auto scope = g_.scope("attention");
    const int32_t queries = sizes_.queries;
    const int32_t keys = sizes_.keys;
    const Value q_and_gate = query_projection(at, x);

    const Value q = rotary("q_rotary", sizes_.heads,
                           rms_norm("q_norm", g_.view("q", q_and_gate, 0, queries),
                                    at + "q_norm.weight", sizes_.head_dim));
    const Value k = rotary("k_rotary", sizes_.key_value_heads,
                           rms_norm("k_norm", projection("k", x, at + "k_proj", keys, sizes_.width),
                                    at + "k_norm.weight", sizes_.head_dim));
    const Value v = projection("v", x, at + "v_proj", keys, sizes_.width);

    const Value attended =
        g_.softmax_attention("softmax",
                             {.query = q,
                              .key = k,
                              .value = v,
                              .head_dim = sizes_.head_dim,
                              .value_dim = sizes_.head_dim},
                             {.heads = static_cast<uint32_t>(sizes_.heads),
                              .key_value_heads = static_cast<uint32_t>(sizes_.key_value_heads),
                              .scale = 1.0f / std::sqrt(static_cast<float>(sizes_.head_dim))});
    const Value gate = g_.view("gate", q_and_gate, queries, queries);
    const Value gated = g_.elementwise("gated", attended).multiply_sigmoid(gate).end();
    return projection("out", gated, at + "o_proj", sizes_.width, queries);
  }

  /// The rows of q_proj are [query | gate] head by head; here all queries come before all gates.
  Value query_projection(const std::string& at, Value x) {
    const auto dim = static_cast<uint64_t>(sizes_.head_dim);
    const auto queries = static_cast<uint64_t>(sizes_.queries);
    const auto source = [dim, queries](uint64_t row) {
      const uint64_t within = row % queries;
      return within / dim * 2 * dim + (row / queries) * dim + within % dim;
    };
    const int32_t rows = 2 * sizes_.queries;
    LinearOptions options;
    if (sizes_.attention_bias) {
      options.bias = permuted_rows(weights_(at + "q_proj.bias", {rows}), source);
    }
    return g_.linear("q_and_gate", x,
                     permuted_rows(weights_(at + "q_proj.weight", {rows, sizes_.width}), source),
                     options);
  }

  Value projection(const std::string& name, Value x, const std::string& at, int32_t rows,
                   int32_t columns) {
    LinearOptions options;
    if (sizes_.attention_bias) options.bias = weights_(at + ".bias", {rows});
    return g_.linear(name, x, weights_(at + ".weight", {rows, columns}), options);
  }

  Value rotary(const std::string& name, int32_t heads, Value x) {
    return g_.rotary(name, x, frequencies_,
                     {.heads = static_cast<uint32_t>(heads),
                      .dimensions = sizes_.rotary.dimensions(),
                      .scale = sizes_.rotary.scale});
  }

  Value mlp(int32_t index, const std::string& at, Value x) {
    if (!has_experts(index)) return dense_mlp(at, sizes_.feed_forward, x);
    return g_.elementwise("mlp", shared_expert(at, x)).add(mixture(at, x)).end();
  }

  bool has_experts(int32_t index) const {
    if (!is_next_ || config_.number("num_experts", 512) == 0) return false;
    const auto& dense = sizes_.dense_layers;
    return std::ranges::find(dense, index) == dense.end() &&
           (index + 1) % config_.size("decoder_sparse_step", 1) == 0;
  }

  Value dense_mlp(const std::string& at, int32_t hidden, Value x) {
    return gated_mlp(g_,
                     {.gate = read_affine(weights_, at + "gate_proj", hidden, sizes_.width, false),
                      .up = read_affine(weights_, at + "up_proj", hidden, sizes_.width, false),
                      .down = read_affine(weights_, at + "down_proj", sizes_.width, hidden, false),
                      .activation = sizes_.activation},
                     x);
  }

  Value mixture(const std::string& at, Value x) {
    const int32_t experts = config_.size("num_experts", 512);
    return mixture_of_experts(
        g_,
        {.router = weights_(at + "gate.weight", {experts, sizes_.width}),
         .weights = read_experts(weights_, at, {"gate_proj", "up_proj", "down_proj"}, experts,
                                 config_.size("moe_intermediate_size", 512), sizes_.width),
         .experts_per_token = read_experts_per_token(config_, experts, 10),
         .normalize = config_.flag("norm_topk_prob", true),
         .activation = sizes_.activation},
        x);
  }

  /// sigmoid(x . w) times an MLP that every token goes through.
  Value shared_expert(const std::string& at, Value x) {
    const auto scope = g_.scope("shared_expert");
    const Weight weight = weights_(at + "shared_expert_gate.weight", {1, sizes_.width});
    const Value gate = g_.linear(
        "gate", x, weight, {.activation = schema::Activation::sigmoid, .role = WeightRole::gate});
    const int32_t hidden = config_.size("shared_expert_intermediate_size", 512);
    const Value out = dense_mlp(at + "shared_expert.", hidden, x);
    return g_.elementwise("gated", out).multiply(gate).end();
  }

  bool is_next_;  ///< Qwen3-Next
  Config outer_;
  Config config_;
  Sizes sizes_;
  WeightReader weights_;
  GraphBuilder g_;
  std::string prefix_;
  std::string head_ = "lm_head.weight";
  Value frequencies_;  ///< of the rotary channels, shared by all layers
};

Graph build_model(const Source& source, bool is_next) {
  Graph graph;
  Qwen35 model(source, graph, is_next);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.sizes().vocabulary);
  // Only softmax layers tie the model to positions.
  if (model.sizes().any_softmax()) {
    graph.context = static_cast<uint32_t>(model.config().size("max_position_embeddings", 32768));
  }
  return graph;
}

}  // namespace

template <>
bool recognizes<struct Qwen35Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Qwen35Family>(const Source& source) {
  return build_model(source, /*is_next=*/false);
}

template <>
bool recognizes<struct Qwen3NextFamily>(const Source& source) {
  return config_says(source, kNextModelTypes, kNextArchitectures);
}

template <>
Graph build<struct Qwen3NextFamily>(const Source& source) {
  return build_model(source, /*is_next=*/true);
}

}  // namespace linnet::convert
