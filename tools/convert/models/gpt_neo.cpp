// GPT-Neo (Black et al. 2021, doi:10.5281/zenodo.5297715): GPT-2 with layers that see a window of
// the last tokens alone, and scores that nothing scales; the equations are those of transformers'
// modeling_gpt_neo.py.

#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"gpt_neo"};
constexpr const char* kArchitectures[] = {"GPTNeoForCausalLM"};

/// Masks, which older versions saved beside the weights.
bool is_mask(const std::string& name) {
  return name.ends_with(".attn.attention.bias") || name.ends_with(".attn.attention.masked_bias");
}

class GptNeo {
 public:
  GptNeo(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 50257)),
        width_(config_.size("hidden_size", 2048)),
        positions_(config_.size("max_position_embeddings", 2048)),
        heads_(config_.size("num_heads", 16)),
        window_(config_.size("window_size", 256)),
        epsilon_(static_cast<float>(config_.number("layer_norm_epsilon", 1e-5))),
        activation_(read_activation(config_, "activation_function", "gelu_new")),
        is_local_(read_attention_types(config_, config_.size("num_layers", 24))),
        at_(weights_.contains("transformer.wte.weight") ? "transformer." : "") {
    if (width_ % heads_ != 0) config_.fail("num_heads", "a divisor of hidden_size");
    feed_forward_ = config_.has("intermediate_size")
                        ? config_.size("intermediate_size")
                        : config_.product("hidden_size", width_, "4", 4);
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
    graph.context = static_cast<uint32_t>(positions_);
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, at_ + "wte.weight", vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table.value);
    x = g_.position_embedding("positions", x, weights_(at_ + "wpe.weight", {positions_, width_}));
    for (size_t i = 0; i < is_local_.size(); ++i) x = layer(i, x);
    x = layer_norm(g_, "norm", g_.last_rows("last", x), weights_, at_ + "ln_f", epsilon_);
    const bool tied = config_.flag("tie_word_embeddings", true);
    g_.output(language_model_head(g_, weights_, x, table, tied));
    weights_.require_all_used(is_mask);
  }

 private:
  Value layer(size_t index, Value x) {
    const auto scope = g_.scope("layers." + std::to_string(index));
    const std::string at = at_ + "h." + std::to_string(index) + ".";
    const Value attention_in = layer_norm(g_, "attention_norm", x, weights_, at + "ln_1", epsilon_);
    const Value attended = attention(at + "attn.attention.", attention_in, is_local_[index]);
    x = g_.elementwise("attention_residual", x).add(attended).end();
    const Value mlp_in = layer_norm(g_, "mlp_norm", x, weights_, at + "ln_2", epsilon_);
    const Mlp feed_forward = {
        .up = read_affine(weights_, at + "mlp.c_fc", feed_forward_, width_, true),
        .down = read_affine(weights_, at + "mlp.c_proj", width_, feed_forward_, true),
        .activation = activation_};
    return g_.elementwise("mlp_residual", x).add(mlp(g_, feed_forward, mlp_in)).end();
  }

  Value attention(const std::string& at, Value x, bool is_local) {
    const auto projection = [&](const char* name, bool has_bias) {
      return read_affine(weights_, at + name, width_, width_, has_bias);
    };
    return self_attention(g_,
                          {.heads = {heads_, heads_, width_ / heads_},
                           .query = projection("q_proj", false),
                           .key = projection("k_proj", false),
                           .value = projection("v_proj", false),
                           .output = projection("out_proj", true),
                           .scale = 1,
                           .window = is_local ? window_ : 0},
                          x);
  }

  /// attention_types is [[["global", "local"], 12]]: the list that many times over, and so on.
  static std::vector<bool> read_attention_types(const Config& config, int32_t layers) {
    const std::vector<std::string> types =
        config.has("attention_types")
            ? config.repeated_texts("attention_types", static_cast<size_t>(layers))
            : alternating(layers);
    std::vector<bool> is_local;
    for (const std::string& type : types) {
      if (type != "global" && type != "local") {
        config.fail("attention_types", "lists of 'global' and 'local'");
      }
      is_local.push_back(type == "local");
    }
    if (is_local.size() != static_cast<size_t>(layers)) {
      config.fail("attention_types", "types for " + std::to_string(layers) + " (num_layers)");
    }
    return is_local;
  }

  static std::vector<std::string> alternating(int32_t layers) {
    std::vector<std::string> types;
    types.reserve(static_cast<size_t>(layers));
    for (int32_t i = 0; i < layers; ++i) types.emplace_back(i % 2 == 0 ? "global" : "local");
    return types;
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, positions_, heads_, window_;
  float epsilon_;
  schema::Activation activation_;
  std::vector<bool> is_local_;
  std::string at_;
  int32_t feed_forward_ = 0;
};

}  // namespace

template <>
bool recognizes<struct GptNeoFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GptNeoFamily>(const Source& source) {
  Graph graph;
  GptNeo(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
