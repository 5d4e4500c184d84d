// Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), of transformers and of flash-linear-attention, which
// share names and equations but for the norm: S = exp(-exp(A) dt) S + B (dt x)^T, y = S^T C + D x,
// with dt = softplus(x W_dt + b).

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"mamba2"};
constexpr const char* kArchitectures[] = {"Mamba2ForCausalLM"};

/// What the runtime's CausalConv takes.
constexpr int32_t kSmallestConvKernel = 2, kLargestConvKernel = 16;

struct Sizes {
  int32_t vocabulary, width, layers;
  int32_t heads, head_dim, groups, state, kernel;
  int32_t inner;      ///< heads * head_dim
  int32_t keys;       ///< groups * state
  int32_t convolved;  ///< x, B and C together
  float epsilon;
  float least_step, largest_step;  ///< bounds of dt
  bool bias, conv_bias;

  uint32_t norm_groups = 1;
  bool has_norm = true;
  bool norm_before_gate = false;
  bool d_per_channel = false;
};

/// flash-linear-attention's entries have names of their own.
bool is_fla(const Config& config) {
  for (const char* key : {"norm_eps", "rmsnorm", "norm_before_gate", "dt_limit", "D_has_hdim"}) {
    if (config.has(key)) return true;
  }
  return false;
}

void read_step_limit(const Config& config, const std::string& key, Sizes& sizes) {
  sizes.least_step = 0;
  sizes.largest_step = std::numeric_limits<float>::infinity();
  if (!config.has(key)) return;
  const std::vector<double> limits = config.numbers(key);
  if (limits.size() != 2 || !(limits[0] <= limits[1])) config.fail(key, "two ascending numbers");
  sizes.least_step = static_cast<float>(limits[0]);
  sizes.largest_step = static_cast<float>(limits[1]);
}

Sizes read_sizes(const Config& config) {
  const bool fla = is_fla(config);
  config.require_one_of("hidden_act", {"silu", "swish"});
  Sizes sizes;
  sizes.vocabulary = config.size("vocab_size", fla ? 32000 : 32768);
  sizes.width = config.size("hidden_size", fla ? 2048 : 4096);
  sizes.layers = config.size("num_hidden_layers", fla ? 48 : 64);
  sizes.head_dim = config.size("head_dim", 64);
  sizes.groups = config.size("n_groups", fla ? 1 : 8);
  sizes.state = config.size("state_size", 128);
  sizes.kernel = config.size("conv_kernel", 4);
  const double expand = config.number("expand", 2);
  if (!(expand > 0 && expand <= 64)) config.fail("expand", "a number up to 64");
  sizes.inner = static_cast<int32_t>(sizes.width * expand);
  if (sizes.inner % sizes.head_dim != 0) config.fail("head_dim", "a divisor of the inner width");
  sizes.heads = sizes.inner / sizes.head_dim;
  if (config.size("num_heads", sizes.heads) != sizes.heads) {
    config.fail("num_heads", "expand * hidden_size / head_dim, " + std::to_string(sizes.heads));
  }
  if (sizes.heads % sizes.groups != 0) config.fail("n_groups", "a divisor of num_heads");
  if (sizes.kernel < kSmallestConvKernel || sizes.kernel > kLargestConvKernel) {
    config.fail("conv_kernel", "from " + std::to_string(kSmallestConvKernel) + " to " +
                                   std::to_string(kLargestConvKernel));
  }
  sizes.keys = config.product("n_groups", sizes.groups, "state_size", sizes.state);
  sizes.convolved = sizes.inner + 2 * sizes.keys;
  sizes.bias = config.flag("use_bias", false);
  sizes.conv_bias = config.flag("use_conv_bias", true);
  sizes.epsilon = static_cast<float>(config.number(fla ? "norm_eps" : "layer_norm_epsilon", 1e-5));
  read_step_limit(config, fla ? "dt_limit" : "time_step_limit", sizes);
  if (!fla) return sizes;
  // Here the norm is of every group of B and C by itself, as in mamba_ssm.
  sizes.norm_groups = static_cast<uint32_t>(sizes.groups);
  sizes.has_norm = config.flag("rmsnorm", true);
  sizes.norm_before_gate = config.flag("norm_before_gate", false);
  sizes.d_per_channel = config.flag("D_has_hdim", false);
  return sizes;
}

class Mamba2 {
 public:
  Mamba2(const Source& source, Graph& graph)
      : config_(*source.config), s_(read_sizes(config_)), weights_(source.checkpoint), g_(graph) {}

  void build() {
    const Shape table_shape = {s_.vocabulary, s_.width};
    const bool is_old = weights_.contains("backbone.embedding.weight");
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight(
        "embedding.table",
        weights_(is_old ? "backbone.embedding.weight" : "backbone.embeddings.weight", table_shape),
        WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    for (int32_t i = 0; i < s_.layers; ++i) {
      const std::string number = "layers." + std::to_string(i);
      const auto scope = g_.scope(number);
      const std::string at = "backbone." + number + ".";
      const Value mixed = mixer(at + "mixer.", rms_norm("mixer_norm", x, at + "norm.weight"));
      x = g_.elementwise("mixer_residual", x).add(mixed).end();
    }
    x = rms_norm("norm", g_.last_rows("last", x), "backbone.norm_f.weight");
    const bool tied = config_.flag("tie_word_embeddings", false);
    if (tied) weights_.ignore("lm_head.weight");
    g_.output(g_.linear("logits", x,
                        tied ? table
                             : g_.weight("logits.weight", weights_("lm_head.weight", table_shape),
                                         WeightRole::head)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  int32_t vocabulary() const { return s_.vocabulary; }

 private:
  Value rms_norm(const std::string& name, Value x, const std::string& weight) {
    return g_.norm(name, x, {schema::NormKind::rms, 1, s_.epsilon}, weights_(weight, {s_.width}));
  }

  /// in_proj makes the gate z, then x, B and C, which are convolved, then dt.
  Value mixer(const std::string& at, Value input) {
    const auto scope = g_.scope("mamba2");
    const Value z = projection(at, "z", input, 0, s_.inner);
    const Value xbc = projection(at, "xbc", input, s_.inner, s_.convolved);
    const Value dt = step_size(at, projection(at, "dt", input, s_.inner + s_.convolved, s_.heads));

    std::optional<Weight> conv_bias;
    if (s_.conv_bias) conv_bias = weights_(at + "conv1d.bias", {s_.convolved});
    const Value convolved = g_.causal_conv(
        "convolution", xbc, transposed(weights_(at + "conv1d.weight", {s_.convolved, s_.kernel})),
        schema::Activation::silu, conv_bias);
    const Value x = g_.view("x", convolved, 0, s_.inner);

    const Weight a =
        mapped(weights_(at + "A_log", {s_.heads}), [](float a_log) { return -std::exp(a_log); });
    const Value read = g_.fast_weight(
        "memory",
        {.query = g_.view("c", convolved, s_.inner + s_.keys, s_.keys),
         .key = g_.view("b", convolved, s_.inner, s_.keys),
         .value = g_.elementwise("dt_x", x).multiply(dt).end(),
         .decay = g_.elementwise("decay", dt).multiply(g_.weight("decay.rate", a)).exp().end(),
         .key_dim = s_.state,
         .value_dim = s_.head_dim},
        {.heads = static_cast<uint32_t>(s_.heads),
         .key_heads = static_cast<uint32_t>(s_.groups),
         .decay = schema::DecayKind::per_head});
    const Weight d = weights_(at + "D", {s_.d_per_channel ? s_.inner : s_.heads});
    const Value y = g_.elementwise("skip", x).multiply(g_.weight("skip.weight", d)).add(read).end();

    LinearOptions options;
    if (s_.bias) options.bias = weights_(at + "out_proj.bias", {s_.width});
    return g_.linear("out", gated(at, y, z), weights_(at + "out_proj.weight", {s_.width, s_.inner}),
                     options);
  }

  /// Rows [first, first + count) of in_proj.
  Value projection(const std::string& at, const std::string& name, Value x, int32_t first,
                   int32_t count) {
    const int32_t all = s_.inner + s_.convolved + s_.heads;
    LinearOptions options;
    if (name == "dt") options.role = WeightRole::gate;
    if (s_.bias) options.bias = row_range(weights_(at + "in_proj.bias", {all}), first, count);
    return g_.linear(name, x,
                     row_range(weights_(at + "in_proj.weight", {all, s_.width}), first, count),
                     options);
  }

  Value step_size(const std::string& at, Value dt) {
    auto chain = g_.elementwise("step_size", dt)
                     .add(g_.weight("step_size.bias", weights_(at + "dt_bias", {s_.heads})))
                     .softplus();
    if (s_.least_step > 0) chain.maximum(s_.least_step);
    if (std::isfinite(s_.largest_step)) chain.minimum(s_.largest_step);
    return chain.end();
  }

  /// norm(y silu(z)), or norm(y) silu(z).
  Value gated(const std::string& at, Value y, Value z) {
    const auto norm = [&](Value value) {
      return g_.norm("norm", value, {schema::NormKind::rms, s_.norm_groups, s_.epsilon},
                     weights_(at + "norm.weight", {s_.inner}));
    };
    if (s_.has_norm && s_.norm_before_gate) y = norm(y);
    y = g_.elementwise("gated", y).multiply_silu(z).end();
    return s_.has_norm && !s_.norm_before_gate ? norm(y) : y;
  }

  Config config_;
  Sizes s_;
  WeightReader weights_;
  GraphBuilder g_;
};

}  // namespace

template <>
bool recognizes<struct Mamba2Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Mamba2Family>(const Source& source) {
  Graph graph;
  Mamba2 model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  return graph;
}

}  // namespace linnet::convert
