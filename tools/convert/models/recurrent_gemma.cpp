// RecurrentGemma (Botev et al. 2024, arXiv:2404.07839), which is Griffin (De et al. 2024,
// arXiv:2402.19427): RG-LRU layers, and every few layers softmax attention within a sliding window;
// the equations are those of transformers' modeling_recurrent_gemma.py.

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"recurrent_gemma"};
constexpr const char* kArchitectures[] = {"RecurrentGemmaForCausalLM"};
constexpr double kDecayExponent = -8;  // c of the paper

/// sqrt(width) as the original has it: rounded to a bfloat16, ties to even.
float embedding_scale(int32_t width) {
  const float exact = std::sqrt(static_cast<float>(width));
  uint32_t bits = 0;
  std::memcpy(&bits, &exact, sizeof bits);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000;
  float rounded = 0;
  std::memcpy(&rounded, &bits, sizeof rounded);
  return rounded;
}

std::vector<std::string> read_block_types(const Config& config, int32_t layers) {
  const std::vector<std::string> pattern =
      config.has("block_types") ? config.texts("block_types")
                                : std::vector<std::string>{"recurrent", "recurrent", "attention"};
  if (pattern.empty()) config.fail("block_types", "a list of 'recurrent' and 'attention'");
  std::vector<std::string> types;
  for (int32_t i = 0; i < layers; ++i) {
    types.push_back(pattern[static_cast<size_t>(i) % pattern.size()]);
    if (types.back() != "recurrent" && types.back() != "attention") {
      config.fail("block_types", "a list of 'recurrent' and 'attention'");
    }
  }
  return types;
}

class RecurrentGemma {
 public:
  RecurrentGemma(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 256000)),
        width_(config_.size("hidden_size", 2560)),
        feed_forward_(config_.size("intermediate_size", 7680) / 2),
        inner_(config_.size("lru_width", width_)),
        kernel_(read_conv_kernel(config_, "conv1d_width", 4)),
        window_(config_.size("attention_window_size", 2048)),
        activation_(read_activation(config_, "hidden_activation", "gelu_pytorch_tanh")),
        epsilon_(static_cast<float>(config_.number("rms_norm_eps", 1e-6))),
        heads_(read_attention_heads(config_, width_, 10)),
        types_(read_block_types(config_, config_.size("num_hidden_layers", 26))) {
    // The original always splits the width among the heads.
    heads_.head_dim = width_ / heads_.heads;
    if (width_ % heads_.heads != 0 || inner_ % heads_.heads != 0) {
      config_.fail("num_attention_heads", "a divisor of hidden_size and lru_width");
    }
    if (feed_forward_ == 0) config_.fail("intermediate_size", "2 or more");
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "model.embed_tokens.weight", vocabulary_, width_);
    config_.object("rope_parameters").require_one_of("rope_type", {"default"});
    rotary_ = share_rotary(g_, rotary_frequencies(config_, heads_.head_dim, 0.5));
    Value x = g_.embedding("embedding", tokens, table.value);
    x = multiplied(g_, "embedding_scaled", x, double{embedding_scale(width_)});
    for (size_t i = 0; i < types_.size(); ++i) x = layer(i, x);
    x = norm("norm", "model.final_norm.weight", g_.last_rows("last", x));
    const Value logits =
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", true));
    const double cap = config_.number("logits_soft_cap", 30.0);
    g_.output(soft_cap(g_, "logits_capped", logits, static_cast<float>(cap)));
    weights_.require_all_used(
        [](const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); });
  }

  int32_t vocabulary() const { return vocabulary_; }

 private:
  /// The weights of these norms are stored as their difference from one.
  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x,
                    mapped(weights_(weight, {width_}), [](float w) { return 1.0f + w; }), epsilon_);
  }

  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = "model." + number + ".";
    const std::string block = at + "temporal_block.";
    const Value mixer_in = norm("mixer_norm", at + "temporal_pre_norm.weight", x);
    const Value mixed =
        types_[index] == "recurrent" ? recurrence(block, mixer_in) : attention(block, mixer_in);
    x = g_.elementwise("mixer_residual", x).add(mixed).end();
    const Value mlp_in = norm("mlp_norm", at + "channel_pre_norm.weight", x);
    return g_.elementwise("mlp_residual", x).add(mlp(at + "mlp_block.", mlp_in)).end();
  }

  Value linear(const std::string& name, Value x, const std::string& at, int32_t rows,
               int32_t columns, schema::Activation activation = schema::Activation::none) {
    const Affine affine = read_affine(weights_, at, rows, columns, /*has_bias=*/true);
    return g_.linear(name, x, affine.weight, affine.options(activation));
  }

  /// h_t = a_t h_{t-1} + sqrt(1 - a_t^2) (i_t u_t), a_t = exp(-8 softplus(lambda) r_t), with the
  /// gates i_t and r_t made of u head by head; out = (h * act(x W_y)) W_out.
  Value recurrence(const std::string& at, Value x) {
    const auto scope = g_.scope("recurrence");
    const Value y = linear("y", x, at + "linear_y", inner_, width_, activation_);
    const Value u =
        g_.causal_conv("convolution", linear("u", x, at + "linear_x", inner_, width_),
                       transposed(weights_(at + "conv_1d.weight", {inner_, kernel_})),
                       schema::Activation::none, weights_(at + "conv_1d.bias", {inner_}));
    const Value input = gate("input_gate", at + "rg_lru.input_gate", u);
    const Value decay = gate("recurrent_gate", at + "rg_lru.recurrent_gate", u);
    const Weight rate = mapped(weights_(at + "rg_lru.recurrent_param", {inner_}), [](float p) {
      return static_cast<float>(kDecayExponent * std::log1p(std::exp(static_cast<double>(p))));
    });
    const Value h = g_.selective_scan("scan",
                                      {.value = g_.elementwise("gated_u", u).multiply(input).end(),
                                       .step = decay,
                                       .rates = reshaped(rate, {1, inner_})},
                                      {.input = schema::ScanInput::unit_variance});
    return linear("out", g_.elementwise("gated", h).multiply(y).end(), at + "linear_out", width_,
                  inner_);
  }

  /// sigmoid(u_h W_h + b_h) for every head h; W_h is stored [in, out].
  Value gate(const std::string& name, const std::string& at, Value u) {
    const int32_t heads = heads_.heads;
    const int32_t block = inner_ / heads;
    std::vector<Weight> matrices;
    matrices.reserve(static_cast<size_t>(heads));
    const Weight all = weights_(at + "_weight", {heads, block, block});
    for (int32_t head = 0; head < heads; ++head) matrices.push_back(transposed(row(all, head)));
    return g_.grouped_linear(
        name, u, stacked(std::move(matrices)),
        reshaped(weights_(at + "_bias", {heads, block}), {inner_}),
        {.groups = static_cast<uint32_t>(heads), .activation = schema::Activation::sigmoid});
  }

  Value attention(const std::string& at, Value x) {
    const bool bias = config_.flag("attention_bias", false);
    const auto projection = [&](const char* name, int32_t rows) {
      return read_affine(weights_, at + name, rows, width_, bias);
    };
    return self_attention(
        g_,
        {.heads = heads_,
         .query = projection("q_proj", heads_.queries()),
         .key = projection("k_proj", heads_.keys()),
         .value = projection("v_proj", heads_.keys()),
         .output = read_affine(weights_, at + "o_proj", width_, heads_.queries(), true),
         .rotary = rotary_,
         .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim)),
         .window = window_},
        x);
  }

  Value mlp(const std::string& at, Value x) {
    return gated_mlp(g_,
                     {.gate = read_affine(weights_, at + "gate_proj", feed_forward_, width_, true),
                      .up = read_affine(weights_, at + "up_proj", feed_forward_, width_, true),
                      .down = read_affine(weights_, at + "down_proj", width_, feed_forward_, true),
                      .activation = activation_},
                     x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, feed_forward_, inner_, kernel_, window_;
  schema::Activation activation_;
  float epsilon_;
  AttentionHeads heads_;
  std::vector<std::string> types_;
  SharedRotary rotary_;
};

}  // namespace

template <>
bool recognizes<struct RecurrentGemmaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

/// Its windows slide along: no position is the last.
template <>
Graph build<struct RecurrentGemmaFamily>(const Source& source) {
  Graph graph;
  RecurrentGemma model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  return graph;
}

}  // namespace linnet::convert
