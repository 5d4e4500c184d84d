// The linear Transformer (Katharopoulos et al. 2020, arXiv:2006.16236) as idiap/fast-transformers
// trains it. The library has no language model, so that the embedding, the positions and the head
// around its `transformer` have the names of the program that used it.

#include <cmath>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"linear_transformer"};

struct Sizes {
  int32_t vocabulary, width, layers, heads, key_dim, value_dim, keys, values, feed_forward;
};

Sizes read_sizes(const Config& config) {
  Sizes sizes = {};
  sizes.vocabulary = config.size("vocab_size");
  sizes.layers = config.size("n_layers", 4);
  sizes.heads = config.size("n_heads", 4);
  sizes.key_dim = config.size("query_dimensions", 64);
  sizes.value_dim = config.size("value_dimensions", 64);
  sizes.feed_forward = config.size("feed_forward_dimensions", 1024);
  sizes.keys = config.product("n_heads", sizes.heads, "query_dimensions", sizes.key_dim);
  sizes.values = config.product("n_heads", sizes.heads, "value_dimensions", sizes.value_dim);
  sizes.width = config.size("d_model", sizes.values);
  return sizes;
}

class LinearTransformer {
 public:
  LinearTransformer(const Source& source, Graph& graph)
      : config_(*source.config),
        sizes_(read_sizes(config_)),
        weights_(source.checkpoint),
        graph_(graph),
        g_(graph) {
    config_.require_one_of("attention_type", {"causal-linear", "linear"});
    config_.require_one_of("feature_map", {"elu+1"});
    config_.require_one_of("activation", {"relu", "gelu"});
    config_.require_one_of("norm", {"post"});
    encodes_ = config_.text("attention_type", "causal-linear") == "linear";
    activation_ = config_.text("activation", "relu") == "relu" ? schema::Activation::relu
                                                               : schema::Activation::gelu;
    epsilon_ = static_cast<float>(config_.number("eps", 1e-6));
    norm_epsilon_ = static_cast<float>(config_.number("layer_norm_eps", 1e-5));
  }

  void build() {
    if (encodes_) g_.begin(EntryKind::encode);
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight("embedding.table",
                                  weights_("embedding.weight", {sizes_.vocabulary, sizes_.width}),
                                  WeightRole::embedding);
    Value x = with_positions(g_.embedding("embedding", tokens, table));
    for (int32_t i = 0; i < sizes_.layers; ++i) {
      const auto scope = g_.scope("layers." + std::to_string(i));
      x = layer("transformer.layers." + std::to_string(i) + ".", x);
    }
    if (!encodes_) x = g_.last_rows("last", x);
    if (config_.flag("final_normalization", true)) x = norm("norm", "transformer.norm", x);
    const Value logits =
        g_.linear("logits", x, weights_("head.weight", table_shape()),
                  {.bias = optional("head.bias", sizes_.vocabulary), .role = WeightRole::head});
    g_.output(logits);
    weights_.require_all_used([](const std::string&) { return false; });
    graph_.vocabulary = static_cast<uint32_t>(sizes_.vocabulary);
  }

 private:
  Shape table_shape() const { return {sizes_.vocabulary, sizes_.width}; }

  std::optional<Weight> optional(const std::string& name, int32_t size) {
    if (!weights_.contains(name)) return {};
    return weights_(name, {size});
  }

  /// A learned table, or the sinusoids that were stored as `pe`.
  Value with_positions(Value x) {
    for (const std::string name : {"position_embedding.weight", "pe"}) {
      if (!weights_.contains(name)) continue;
      const int32_t positions = config_.size("max_len");
      graph_.context = static_cast<uint32_t>(positions);
      return g_.position_embedding("positions", x, weights_(name, {positions, sizes_.width}));
    }
    config_.require_one_of("position", {"none"});
    return x;
  }

  Value norm(const std::string& name, const std::string& at, Value x) {
    return g_.norm(name, x, {schema::NormKind::layer, 1, norm_epsilon_},
                   weights_(at + ".weight", {sizes_.width}),
                   weights_(at + ".bias", {sizes_.width}));
  }

  Value project(const std::string& name, const std::string& at, Value x, int32_t outputs,
                schema::Activation activation = schema::Activation::none) {
    return g_.linear(name, x, weights_(at + ".weight", {outputs, g_.width(x)}),
                     {.bias = weights_(at + ".bias", {outputs}), .activation = activation});
  }

  /// x = norm1(x + attention(x)); norm2(x + feed_forward(x))
  Value layer(const std::string& at, Value x) {
    const Value read = attention(at + "attention.", x);
    x = norm("norm1", at + "norm1", g_.elementwise("attention_residual", x).add(read).end());
    const Value inner =
        project("feed_forward.up", at + "linear1", x, sizes_.feed_forward, activation_);
    const Value outer = project("feed_forward.down", at + "linear2", inner, sizes_.width);
    return norm("norm2", at + "norm2", g_.elementwise("feed_forward_residual", x).add(outer).end());
  }

  /// phi(x) = elu(x) + 1
  Value feature_map(const std::string& name, Value x) {
    return g_.elementwise(name, x).elu().add(1.0f).end();
  }

  /// o_t = phi(q_t)^T S_t / (phi(q_t) . z_t + eps), S_t and z_t being the sums of phi(k) v^T and
  /// phi(k) over the tokens that t may see.
  Value attention(const std::string& at, Value x) {
    const auto scope = g_.scope("attention");
    const Value q = project("query", at + "query_projection", x, sizes_.keys);
    const Value k = project("key", at + "key_projection", x, sizes_.keys);
    const Value v = project("value", at + "value_projection", x, sizes_.values);
    const auto heads = static_cast<uint32_t>(sizes_.heads);
    const Value read = g_.fast_weight(
        "memory",
        {.query = feature_map("query_features", q),
         .key = feature_map("key_features", k),
         .value = v,
         .key_dim = sizes_.key_dim,
         .value_dim = sizes_.value_dim},
        {.heads = heads,
         .key_heads = heads,
         .read = encodes_ ? schema::ReadOrder::after_all : schema::ReadOrder::after_write,
         .normalize = true,
         .normalizer_epsilon = epsilon_});
    return project("output", at + "out_projection", read, sizes_.width);
  }

  Config config_;
  Sizes sizes_;
  WeightReader weights_;
  Graph& graph_;
  GraphBuilder g_;
  bool encodes_ = false;
  schema::Activation activation_ = schema::Activation::relu;
  float epsilon_ = 0, norm_epsilon_ = 0;
};

}  // namespace

template <>
bool recognizes<struct LinearTransformerFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct LinearTransformerFamily>(const Source& source) {
  Graph graph;
  LinearTransformer(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
