// LLaMA (Touvron et al. 2023, arXiv:2302.13971) and its like; the equations are those of
// transformers' modeling_llama.py.

#include "tools/convert/models/llama.h"

#include <cmath>

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"llama"};
constexpr const char* kArchitectures[] = {"LlamaForCausalLM"};

class Llama {
 public:
  Llama(const Source& source, const LlamaOptions& options, Graph& graph)
      : options_(options), weights_(source.checkpoint), g_(graph) {}

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table = read_embedding(g_, weights_, "model.embed_tokens.weight",
                                                options_.vocabulary, options_.width);
    rotary_ = share_rotary(g_, options_.rotary);
    Value x = g_.embedding("embedding", tokens, table.value);
    for (size_t i = 0; i < options_.windows.size(); ++i) x = layer(i, x);
    x = norm("norm", "model.norm.weight", g_.last_rows("last", x));
    g_.output(language_model_head(g_, weights_, x, table, options_.tied));
    weights_.require_all_used(
        [](const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); });
  }

 private:
  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {options_.width}), options_.epsilon);
  }

  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const Value attention_in = norm("attention_norm", at + "input_layernorm.weight", x);
    const Value attended = attention(at + "self_attn.", attention_in, options_.windows[index]);
    x = g_.elementwise("attention_residual", x).add(attended).end();
    const Value mlp_in = norm("mlp_norm", at + "post_attention_layernorm.weight", x);
    return g_.elementwise("mlp_residual", x).add(mlp(at + "mlp.", mlp_in)).end();
  }

  Value attention(const std::string& at, Value x, int32_t window) {
    const AttentionHeads& heads = options_.heads;
    const auto projection = [&](const char* name, int32_t rows) {
      return read_affine(weights_, at + name, rows, options_.width, options_.query_bias);
    };
    const auto head_norm = [&](const char* name) -> std::optional<Weight> {
      if (!options_.norms_queries) return {};
      return weights_(at + name, {heads.head_dim});
    };
    return self_attention(g_,
                          {.heads = heads,
                           .query = projection("q_proj", heads.queries()),
                           .key = projection("k_proj", heads.keys()),
                           .value = projection("v_proj", heads.keys()),
                           .output = read_affine(weights_, at + "o_proj", options_.width,
                                                 heads.queries(), options_.output_bias),
                           .query_norm = head_norm("q_norm.weight"),
                           .key_norm = head_norm("k_norm.weight"),
                           .norm_epsilon = options_.epsilon,
                           .rotary = rotary_,
                           .scale = 1.0f / std::sqrt(static_cast<float>(heads.head_dim)),
                           .window = window},
                          x);
  }

  Value mlp(const std::string& at, Value x) {
    const auto matrix = [&](const char* name, int32_t rows, int32_t columns) {
      return read_affine(weights_, at + name, rows, columns, options_.mlp_bias);
    };
    return gated_mlp(g_,
                     {.gate = matrix("gate_proj", options_.feed_forward, options_.width),
                      .up = matrix("up_proj", options_.feed_forward, options_.width),
                      .down = matrix("down_proj", options_.width, options_.feed_forward),
                      .activation = options_.activation},
                     x);
  }

  const LlamaOptions& options_;
  WeightReader weights_;
  GraphBuilder g_;
  SharedRotary rotary_;
};

}  // namespace

LlamaOptions read_llama_options(const Config& config, const LlamaDefaults& defaults) {
  LlamaOptions options;
  options.vocabulary = config.size("vocab_size", defaults.vocabulary);
  options.width = config.size("hidden_size", defaults.width);
  options.feed_forward = config.size("intermediate_size", defaults.feed_forward);
  options.positions = config.size("max_position_embeddings", defaults.positions);
  // null stands for as many as there are heads of queries.
  const bool has_groups = !config.is_null("num_key_value_heads");
  options.heads =
      read_attention_heads(config, options.width, defaults.heads,
                           has_groups ? defaults.key_value_heads : std::optional<int32_t>{});
  if (!config.has("head_dim") && !config.is_null("head_dim") && defaults.head_dim) {
    options.heads.head_dim = *defaults.head_dim;
    config.product("num_attention_heads", options.heads.heads, "head_dim", *defaults.head_dim);
  }
  options.activation = read_activation(config, "hidden_act", "silu");
  options.epsilon = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  options.rotary = rotary_frequencies(config, options.heads.head_dim, 1.0);
  options.tied = config.flag("tie_word_embeddings", false);
  options.windows.resize(static_cast<size_t>(config.size("num_hidden_layers", defaults.layers)));
  return options;
}

Graph build_llama(const Source& source, const LlamaOptions& options) {
  Graph graph;
  Llama(source, options, graph).build();
  graph.vocabulary = static_cast<uint32_t>(options.vocabulary);
  graph.context = static_cast<uint32_t>(options.positions);
  return graph;
}

template <>
bool recognizes<struct LlamaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct LlamaFamily>(const Source& source) {
  const Config& config = *source.config;
  LlamaOptions options = read_llama_options(config, {.vocabulary = 32000,
                                                     .width = 4096,
                                                     .feed_forward = 11008,
                                                     .layers = 32,
                                                     .heads = 32,
                                                     .key_value_heads = {},
                                                     .positions = 2048});
  options.query_bias = config.flag("attention_bias", false);
  options.output_bias = options.query_bias;
  options.mlp_bias = config.flag("mlp_bias", false);
  return build_llama(source, options);
}

}  // namespace linnet::convert
