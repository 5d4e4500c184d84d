// Performer (Choromanski et al. 2021, arXiv:2009.14794) as lucidrains/performer-pytorch trains it:
// PerformerLM, causal or not, with FAVOR+ features of the softmax kernel or with the generalised
// kernel.

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

using schema::ElementwiseFunction;

constexpr const char* kModelTypes[] = {"performer"};
constexpr float kNormEpsilon = 1e-5f;

constexpr std::array kKernelFunctions = {std::pair{"relu", ElementwiseFunction::relu},
                                         std::pair{"gelu", ElementwiseFunction::gelu},
                                         std::pair{"elu", ElementwiseFunction::elu},
                                         std::pair{"exp", ElementwiseFunction::exp},
                                         std::pair{"sigmoid", ElementwiseFunction::sigmoid},
                                         std::pair{"silu", ElementwiseFunction::silu},
                                         std::pair{"softplus", ElementwiseFunction::softplus},
                                         std::pair{"tanh", ElementwiseFunction::tanh}};

ElementwiseFunction read_kernel(const Config& config) {
  std::string known;
  for (const auto& [name, function] : kKernelFunctions) {
    if (config.text("kernel_fn", "relu") == name) return function;
    known += (known.empty() ? "one of " : ", ") + std::string(name);
  }
  config.fail("kernel_fn", known);
}

enum class Wrapper : uint8_t { layer_norm, scale_norm, rezero };

struct Options {
  int32_t vocabulary, positions, width, layers, heads, head_dim, inner, features, feed_forward;
  bool causal = false;
  bool generalized = false;
  ElementwiseFunction kernel = ElementwiseFunction::relu;
  float kernel_epsilon = 0, softmax_epsilon = 0, causal_epsilon = 0;
  Wrapper wrapper = Wrapper::layer_norm;
  bool rotary = true;
  bool tied = false;
  bool projection_bias = false, output_bias = false;
  bool gated = false;
};

void refuse_others(const Config& config) {
  for (const char* key :
       {"reversible", "cross_attend", "no_projection", "axial_position_emb", "shift_tokens"}) {
    if (config.flag(key, false)) config.fail(key, "false");
  }
  if (!config.has("local_attn_heads")) return;
  const bool is_zero =
      !config.is_list("local_attn_heads") && config.number("local_attn_heads") == 0;
  if (!is_zero) config.fail("local_attn_heads", "0");
}

Options read_options(const Config& config) {
  refuse_others(config);
  Options options = {};
  options.vocabulary = config.size("num_tokens");
  options.positions = config.size("max_seq_len");
  options.width = config.size("dim");
  options.layers = config.size("depth");
  options.heads = config.size("heads");
  options.head_dim = config.size("dim_head", 64);
  options.inner = config.product("heads", options.heads, "dim_head", options.head_dim);
  const double dims = options.head_dim;
  options.features = config.size("nb_features", static_cast<int32_t>(dims * std::log(dims)));
  config.product("heads", options.heads, "nb_features", options.features + 1);
  options.feed_forward = config.product("dim", options.width, "ff_mult", config.size("ff_mult", 4));
  options.causal = config.flag("causal", false);
  options.generalized = config.flag("generalized_attention", false);
  options.kernel = read_kernel(config);
  options.kernel_epsilon = static_cast<float>(config.number("kernel_epsilon", 1e-3));
  options.softmax_epsilon = static_cast<float>(config.number("softmax_kernel_eps", 1e-4));
  options.causal_epsilon = static_cast<float>(config.number("causal_eps", 1e-6));
  if (config.flag("use_rezero", false)) options.wrapper = Wrapper::rezero;
  if (config.flag("use_scalenorm", false)) options.wrapper = Wrapper::scale_norm;
  options.rotary = config.flag("rotary_position_emb", true);
  options.tied = config.flag("tie_embed", false);
  options.projection_bias = config.flag("qkv_bias", false);
  options.output_bias = config.flag("attn_out_bias", false);
  options.gated = config.flag("ff_glu", false);
  if (options.rotary && options.head_dim % 2 != 0) config.fail("dim_head", "even, to be turned");
  return options;
}

class Performer {
 public:
  Performer(const Source& source, Graph& graph)
      : options_(read_options(*source.config)), weights_(source.checkpoint), g_(graph) {
    graph.vocabulary = static_cast<uint32_t>(options_.vocabulary);
    graph.context = static_cast<uint32_t>(options_.positions);
  }

  void build() {
    if (!options_.causal) g_.begin(EntryKind::encode);
    const Shape table_shape = {options_.vocabulary, options_.width};
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight("embedding.table", weights_("token_emb.weight", table_shape),
                                  WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    // Sinusoids that are stored, or a learned table. The original refuses longer texts, too.
    x = g_.position_embedding("positions", x,
                              weights_(options_.rotary ? "pos_emb.emb" : "pos_emb.emb.weight",
                                       {options_.positions, options_.width}));
    if (options_.rotary) make_frequencies();
    for (int32_t i = 0; i < options_.layers; ++i) x = layer(i, x);
    if (options_.causal) x = g_.last_rows("last", x);
    x = layer_norm("norm", "norm", x);
    const Value logits = options_.tied
                             ? g_.linear("logits", x, table)
                             : g_.linear("logits", x, weights_("to_out.weight", table_shape),
                                         {.bias = weights_("to_out.bias", {options_.vocabulary}),
                                          .role = WeightRole::head});
    g_.output(logits);
    weights_.require_all_used([](const std::string& name) {
      return name.starts_with("performer.net.") || name == "layer_pos_emb.emb" ||
             name == "performer.proj_updater.calls_since_last_redraw";
    });
  }

 private:
  /// A tensor of the layers. The module that draws new projections holds them all a second time,
  /// as proj_updater.instance, and PyTorch reads those after the others: they are what runs.
  Weight layer_weight(const std::string& name, const Shape& shape) {
    const std::string again = "performer.proj_updater.instance.layers." + name;
    return weights_(weights_.contains(again) ? again : "performer.net.layers." + name, shape);
  }

  /// Frequencies of RoFormer: 10000^(-2i / dim_head).
  void make_frequencies() {
    std::vector<float> frequencies;
    for (int32_t i = 0; i < options_.head_dim; i += 2) {
      frequencies.push_back(
          1.0f / std::pow(10000.0f, static_cast<float>(i) / static_cast<float>(options_.head_dim)));
    }
    const Shape shape = {static_cast<int32_t>(frequencies.size())};
    frequencies_ = g_.weight("rotary.frequencies", constant(shape, std::move(frequencies)));
  }

  Value layer_norm(const std::string& name, const std::string& at, Value x) {
    return g_.norm(name, x, {schema::NormKind::layer, 1, kNormEpsilon},
                   weights_(at + ".weight", {options_.width}),
                   weights_(at + ".bias", {options_.width}));
  }

  Value layer(int32_t index, Value x) {
    const auto scope = g_.scope("layers." + std::to_string(index));
    const bool is_last = index + 1 == options_.layers;
    if (options_.causal) maximum_ = is_last ? KeyMaximum::running : KeyMaximum::so_far;
    const std::string at = std::to_string(index) + ".";
    x = residual("attention", at + "0.", x,
                 [&](const std::string& inner, Value in) { return attention(inner, in); });
    return residual("feed_forward", at + "1.", x, [&](const std::string& inner, Value in) {
      return feed_forward(inner + "fn.", in);
    });
  }

  /// g x, g being a single number.
  Value gained(const std::string& at, Value x) {
    const Value gain = g_.weight("gain", layer_weight(at + "g", {1}));
    return g_.elementwise("gained", x).multiply(gain).end();
  }

  /// x + f(norm(x)), or x + g f(x).
  template <typename Function>
  Value residual(const std::string& name, const std::string& at, Value x, const Function& f) {
    const auto scope = g_.scope(name);
    Value in = x;
    if (options_.wrapper == Wrapper::layer_norm) {
      in = g_.norm("norm", x, {schema::NormKind::layer, 1, kNormEpsilon},
                   layer_weight(at + "norm.weight", {options_.width}),
                   layer_weight(at + "norm.bias", {options_.width}));
    } else if (options_.wrapper == Wrapper::scale_norm) {
      in = gained(at, g_.norm("norm", x, {schema::NormKind::l2_clamped, 1, kNormEpsilon}));
    }
    Value out = f(at + "fn.", in);
    if (options_.wrapper == Wrapper::rezero) out = gained(at, out);
    return g_.elementwise("residual", x).add(out).end();
  }

  Value project(const std::string& name, const std::string& at, Value x, int32_t outputs, bool bias,
                schema::Activation activation = schema::Activation::none) {
    LinearOptions linear = {.activation = activation};
    if (bias) linear.bias = layer_weight(at + ".bias", {outputs});
    return g_.linear(name, x, layer_weight(at + ".weight", {outputs, g_.width(x)}), linear);
  }

  /// w2 gelu(w1 x), or w2 (gelu(a) * b) of the halves a and b of w1 x.
  Value feed_forward(const std::string& at, Value x) {
    const int32_t inner = options_.feed_forward;
    if (!options_.gated) {
      const Value up = project("up", at + "w1", x, inner, true, schema::Activation::gelu);
      return project("down", at + "w2", up, options_.width, true);
    }
    const Value a = half("gate", at + "w1", x, 0, schema::Activation::gelu);
    const Value b = half("up", at + "w1", x, 1, schema::Activation::none);
    const Value product = g_.elementwise("product", a).multiply(b).end();
    return project("down", at + "w2", product, options_.width, true);
  }

  Value half(const std::string& name, const std::string& at, Value x, int32_t index,
             schema::Activation activation) {
    const int32_t inner = options_.feed_forward;
    const auto rows = [&](const std::string& tensor, Shape shape) {
      shape[0] = 2 * inner;
      Weight both = layer_weight(at + tensor, shape);
      both = permuted_rows(std::move(both), [first = index * inner](uint64_t row) {
        return row + static_cast<uint64_t>(first);
      });
      both.shape[0] = inner;
      return both;
    };
    return g_.linear(name, x, rows(".weight", {inner, g_.width(x)}),
                     {.bias = rows(".bias", {inner}), .activation = activation});
  }

  Value turned(const std::string& name, Value x) {
    if (!options_.rotary) return x;
    return g_.rotary(name, x, frequencies_,
                     {.heads = heads(),
                      .dimensions = static_cast<uint32_t>(options_.head_dim),
                      .style = schema::RotaryStyle::interleaved});
  }

  Value attention(const std::string& at, Value x) {
    const bool bias = options_.projection_bias;
    const Value q = project("query", at + "to_q", x, options_.inner, bias);
    const Value k = project("key", at + "to_k", x, options_.inner, bias);
    const Value v = project("value", at + "to_v", x, options_.inner, bias);
    const Weight projection = layer_weight(at + "fast_attention.projection_matrix",
                                           {options_.features, options_.head_dim});
    const Value tq = turned("turned_query", q), tk = turned("turned_key", k);
    const Value read = options_.generalized ? generalized_attention(projection, tq, tk, v)
                                            : softmax_attention(projection, tq, tk, v);
    return project("output", at + "to_out", read, options_.width, options_.output_bias);
  }

  /// w . x of every row w of the projection and every head x, as though x were d^-1/4 as long.
  Value projected(const std::string& name, const Weight& projection, Value x) {
    const float shrink = std::pow(static_cast<float>(options_.head_dim), -0.25f);
    return g_.head_linear(name, x, mapped(projection, [=](float w) { return w * shrink; }));
  }

  /// phi(x) = f(w . x) + epsilon
  Value generalized_attention(const Weight& projection, Value q, Value k, Value v) {
    const auto features = [&](const std::string& name, Value x) {
      const Value u = projected(name + ".projected", projection, x);
      return g_.elementwise(name, u).apply(options_.kernel).add(options_.kernel_epsilon).end();
    };
    return memory({.query = features("query_features", q),
                   .key = features("key_features", k),
                   .value = v,
                   .key_dim = options_.features},
                  {.normalizer_query_epsilon = options_.causal_epsilon});
  }

  /// phi(x) = m^-1/2 (exp(w . x - |x|^2 / 2 - M) + epsilon). The m^-1/2 of query and key cancel but
  /// for the causal epsilon. A key's M is the largest w . x so far: when it grows by g, what was
  /// written before decays by exp(-g), all but the epsilon, which is kept as one feature more. The
  /// original then also reads the tokens before once more, so that layers above see them otherwise;
  /// only above the last layer there is none.
  Value softmax_attention(const Weight& projection, Value q, Value k, Value v) {
    const float epsilon = options_.softmax_epsilon;
    const Value query =
        g_.query_features("query_features", projected("query_features.projected", projection, q),
                          half_norms("query_features.half_norms", q), epsilon);
    const KeyFeatures key =
        g_.key_features("key_features", projected("key_features.projected", projection, k),
                        half_norms("key_features.half_norms", k), maximum_);
    const float root = std::sqrt(static_cast<float>(options_.features));
    // The sum of the query's features counts the last one, epsilon times the others, as well.
    return memory({.query = query,
                   .key = key.key,
                   .value = v,
                   .decay = key.decay,
                   .key_dim = options_.features + 1},
                  {.decay = key.decay.tensor >= 0 ? schema::DecayKind::per_key_channel
                                                  : schema::DecayKind::none,
                   .normalizer_query_epsilon = options_.causal_epsilon * root / (1 + epsilon)});
  }

  /// |x|^2 / 2 of every head, x being d^-1/4 as long.
  Value half_norms(const std::string& name, Value x) {
    const float half = 0.5f / std::sqrt(static_cast<float>(options_.head_dim));
    const Value squares = g_.elementwise(name + ".squares", x).square().multiply(half).end();
    return g_.group_sum(name, squares, options_.heads);
  }

  /// phi(q)^T S / (phi(q) . (z + epsilon)), without the epsilon if every token sees all others.
  Value memory(FastWeightInputs inputs, FastWeight rule) {
    inputs.value_dim = options_.head_dim;
    rule.heads = heads();
    rule.key_heads = heads();
    rule.normalize = true;
    if (!options_.causal) {
      rule.read = schema::ReadOrder::after_all;
      rule.normalizer_query_epsilon = 0;
    }
    return g_.fast_weight("memory", inputs, rule);
  }

  uint32_t heads() const { return static_cast<uint32_t>(options_.heads); }

  Options options_;
  WeightReader weights_;
  GraphBuilder g_;
  Value frequencies_;
  KeyMaximum maximum_ = KeyMaximum::of_text;  ///< of the layer that is being built
};

}  // namespace

template <>
bool recognizes<struct PerformerFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct PerformerFamily>(const Source& source) {
  Graph graph;
  Performer(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
