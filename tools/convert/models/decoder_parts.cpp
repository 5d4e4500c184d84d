#include "tools/convert/models/decoder_parts.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/checked_math.h"

namespace linnet::convert {

Affine read_affine(WeightReader& weights, const std::string& name, int32_t rows, int32_t columns,
                   bool has_bias) {
  Affine affine{weights(name + ".weight", {rows, columns}), {}};
  if (has_bias) affine.bias = weights(name + ".bias", {rows});
  return affine;
}

Weight scaled(Weight weight, double factor) {
  if (factor == 1) return weight;
  return mapped(std::move(weight),
                [factor](float w) { return static_cast<float>(static_cast<double>(w) * factor); });
}

Affine scaled(Affine affine, double factor) {
  affine.weight = scaled(std::move(affine.weight), factor);
  if (affine.bias) affine.bias = scaled(std::move(*affine.bias), factor);
  return affine;
}

Affine row_range(const Affine& affine, int32_t first, int32_t count) {
  Affine part{row_range(affine.weight, first, count), {}};
  if (affine.bias) part.bias = row_range(*affine.bias, first, count);
  return part;
}

schema::Activation read_activation(const Config& config, const std::string& key,
                                   const std::string& fallback) {
  using schema::Activation;
  constexpr std::pair<const char*, Activation> kKnown[] = {
      {"silu", Activation::silu},
      {"swish", Activation::silu},
      {"gelu", Activation::gelu},
      {"gelu_python", Activation::gelu},
      {"gelu_new", Activation::gelu_tanh},
      {"gelu_fast", Activation::gelu_tanh},
      {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"gelu_python_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu},
      {"relu2", Activation::squared_relu},
      {"sigmoid", Activation::sigmoid},
      {"tanh", Activation::tanh},
      {"linear", Activation::none},
  };
  const std::string name = config.text(key, fallback);
  std::string known;
  for (const auto& [known_name, activation] : kKnown) {
    if (name == known_name) return activation;
    known += (known.empty() ? "'" : ", '") + std::string(known_name) + "'";
  }
  config.fail(key, "one of " + known);
}

int32_t read_conv_kernel(const Config& config, const std::string& key, int32_t fallback) {
  const int32_t kernel = config.size(key, fallback);
  if (kernel < kSmallestConvKernel || kernel > kLargestConvKernel) {
    config.fail(key, "from " + std::to_string(kSmallestConvKernel) + " to " +
                         std::to_string(kLargestConvKernel));
  }
  return kernel;
}

std::vector<std::string> read_layer_types(const Config& config, const std::string& key,
                                          int32_t layers, const std::vector<std::string>& known,
                                          const std::vector<std::string>& fallback) {
  std::vector<std::string> types = config.has(key) ? config.texts(key) : fallback;
  std::string listed;
  for (const std::string& name : known) listed += (listed.empty() ? "'" : ", '") + name + "'";
  const auto is_known = [&](const std::string& type) {
    return std::ranges::find(known, type) != known.end();
  };
  if (types.size() != static_cast<size_t>(layers) || !std::ranges::all_of(types, is_known)) {
    config.fail(key, "a list of " + std::to_string(layers) + " (num_hidden_layers) of " + listed);
  }
  return types;
}

Value rms_norm(GraphBuilder& g, const std::string& name, Value x, const Weight& weight,
               float epsilon) {
  const auto groups = static_cast<uint32_t>(g.width(x) / weight.size(0));
  return g.norm(name, x, {schema::NormKind::rms, groups, epsilon}, weight);
}

Value layer_norm(GraphBuilder& g, const std::string& name, Value x, WeightReader& weights,
                 const std::string& at, float epsilon) {
  const Shape shape = {g.width(x)};
  return g.norm(name, x, {schema::NormKind::layer, 1, epsilon}, weights(at + ".weight", shape),
                weights(at + ".bias", shape));
}

Value multiplied(GraphBuilder& g, const std::string& name, Value x, double factor) {
  if (factor == 1) return x;
  return g.elementwise(name, x).multiply(static_cast<float>(factor)).end();
}

Value soft_cap(GraphBuilder& g, const std::string& name, Value x, float cap) {
  return g.elementwise(name, x).multiply(1 / cap).tanh().multiply(cap).end();
}

AttentionHeads read_attention_heads(const Config& config, int32_t width, int32_t default_heads,
                                    std::optional<int32_t> default_key_value_heads) {
  AttentionHeads heads;
  heads.heads = config.size("num_attention_heads", default_heads);
  heads.key_value_heads =
      config.size("num_key_value_heads", default_key_value_heads.value_or(heads.heads));
  if (heads.heads % heads.key_value_heads != 0) {
    config.fail("num_attention_heads", "a multiple of num_key_value_heads");
  }
  if (!config.has("head_dim") && heads.heads > width) {
    config.fail("num_attention_heads", "at most hidden_size");
  }
  heads.head_dim = config.has("head_dim") ? config.size("head_dim") : width / heads.heads;
  config.product("num_attention_heads", heads.heads, "head_dim", heads.head_dim);
  return heads;
}

SharedRotary share_rotary(GraphBuilder& g, const RotaryFrequencies& rotary) {
  const Shape shape = {static_cast<int32_t>(rotary.frequencies.size())};
  return {g.weight("rotary.frequencies", constant(shape, rotary.frequencies)), rotary.dimensions(),
          rotary.scale};
}

namespace {

Value turned(GraphBuilder& g, const std::string& name, const SharedRotary& rotary, int32_t heads,
             Value x) {
  if (rotary.frequencies.tensor < 0) return x;
  return g.rotary(name, x, rotary.frequencies,
                  {.heads = static_cast<uint32_t>(heads),
                   .dimensions = rotary.dimensions,
                   .scale = rotary.scale});
}

}  // namespace

Value self_attention(GraphBuilder& g, const SelfAttention& attention, Value x) {
  const auto scope = g.scope("attention");
  const AttentionHeads& heads = attention.heads;
  Value q = g.linear("q", x, attention.query.weight, attention.query.options());
  Value k = g.linear("k", x, attention.key.weight, attention.key.options());
  const Value v = g.linear("v", x, attention.value.weight, attention.value.options());
  const float epsilon = attention.norm_epsilon;
  if (attention.query_norm) q = rms_norm(g, "q_norm", q, *attention.query_norm, epsilon);
  if (attention.key_norm) k = rms_norm(g, "k_norm", k, *attention.key_norm, epsilon);
  q = turned(g, "q_rotary", attention.rotary, heads.heads, q);
  k = turned(g, "k_rotary", attention.rotary, heads.key_value_heads, k);
  const Value attended =
      g.softmax_attention("softmax",
                          {.query = q,
                           .key = k,
                           .value = v,
                           .head_dim = heads.head_dim,
                           .value_dim = heads.head_dim,
                           .window = attention.window},
                          {.heads = static_cast<uint32_t>(heads.heads),
                           .key_value_heads = static_cast<uint32_t>(heads.key_value_heads),
                           .scale = attention.scale});
  return g.linear("out", attended, attention.output.weight, attention.output.options());
}

Value mlp(GraphBuilder& g, const Mlp& mlp, Value x) {
  const auto scope = g.scope("mlp");
  const Value inner = g.linear("up", x, mlp.up.weight, mlp.up.options(mlp.activation));
  return g.linear("down", inner, mlp.down.weight, mlp.down.options());
}

Value gated_mlp(GraphBuilder& g, const GatedMlp& mlp, Value x) {
  const auto scope = g.scope("mlp");
  const bool is_silu = mlp.activation == schema::Activation::silu;
  const schema::Activation activation = is_silu ? schema::Activation::none : mlp.activation;
  const Value gate = g.linear("gate", x, mlp.gate.weight, mlp.gate.options(activation));
  const Value up = g.linear("up", x, mlp.up.weight, mlp.up.options());
  ElementwiseChain chain = g.elementwise("product", up);
  const Value product = (is_silu ? chain.multiply_silu(gate) : chain.multiply(gate)).end();
  return g.linear("down", product, mlp.down.weight, mlp.down.options());
}

Value mixture_of_experts(GraphBuilder& g, const Mixture& mixture, Value x) {
  const auto scope = g.scope("experts");
  // A router that errs sends a token elsewhere: its few rows are not quantised.
  const Value router = g.linear("router", x, mixture.router, {.role = WeightRole::gate});
  return g.mixture_of_experts(
      "mixture", x, router, mixture.weights,
      {.experts = static_cast<uint32_t>(mixture.router.size(0)),
       .experts_per_token = static_cast<uint32_t>(mixture.experts_per_token),
       .normalize = mixture.normalize,
       .activation = mixture.activation});
}

int32_t read_experts_per_token(const Config& config, int32_t experts, int32_t fallback) {
  const int32_t per_token = config.size("num_experts_per_tok", fallback);
  if (per_token > experts) {
    config.fail("num_experts_per_tok", "at most the " + std::to_string(experts) + " experts");
  }
  return per_token;
}

ExpertWeights read_experts(WeightReader& weights, const std::string& at, const ExpertNames& names,
                           int32_t experts, int32_t hidden, int32_t width) {
  const std::string all = at + "experts.";
  if (weights.contains(all + "gate_up_proj")) {
    return {flattened(weights(all + "gate_up_proj", {experts, 2 * hidden, width})),
            flattened(weights(all + "down_proj", {experts, width, hidden}))};
  }
  std::vector<Weight> gates_and_ups;
  std::vector<Weight> downs;
  for (int32_t i = 0; i < experts; ++i) {
    const std::string one = all + std::to_string(i) + ".";
    gates_and_ups.push_back(weights(one + names.gate + ".weight", {hidden, width}));
    gates_and_ups.push_back(weights(one + names.up + ".weight", {hidden, width}));
    downs.push_back(weights(one + names.down + ".weight", {width, hidden}));
  }
  return {stacked(std::move(gates_and_ups)), stacked(std::move(downs))};
}

Weight flattened(Weight weight) {
  const auto inner = static_cast<uint64_t>(weight.size(1));
  const auto width = static_cast<uint64_t>(weight.size(2));
  const int64_t rows = int64_t{weight.size(0)} * weight.size(1);
  if (rows > INT32_MAX) throw std::runtime_error("a stack of matrices has too many rows");
  auto produce = [source = std::move(weight.rows), inner, width](uint64_t first, uint64_t count,
                                                                 std::span<float> out) {
    std::vector<float> matrix(memory_size(inner * width));
    for (uint64_t done = 0; done < count;) {
      const uint64_t within = (first + done) % inner;
      const uint64_t n = std::min(count - done, inner - within);
      source((first + done) / inner, 1, matrix);
      std::copy_n(matrix.begin() + static_cast<ptrdiff_t>(within * width), n * width,
                  out.begin() + static_cast<ptrdiff_t>(done * width));
      done += n;
    }
  };
  return {{static_cast<int32_t>(rows), weight.size(2)}, std::move(produce)};
}

EmbeddingTable read_embedding(GraphBuilder& g, WeightReader& weights, const std::string& name,
                              int32_t vocabulary, int32_t width) {
  const Weight weight = weights(name, {vocabulary, width});
  return {g.weight("embedding.table", weight, WeightRole::embedding), weight};
}

Value language_model_head(GraphBuilder& g, WeightReader& weights, Value x,
                          const EmbeddingTable& table, bool tied, const std::string& head) {
  if (tied && !weights.contains(head)) return g.linear("logits", x, table.value);
  const Weight matrix = weights(head, table.weight.shape);
  if (tied && same_values(matrix, table.weight)) return g.linear("logits", x, table.value);
  return g.linear("logits", x, g.weight("logits.weight", matrix, WeightRole::head));
}

}  // namespace linnet::convert
