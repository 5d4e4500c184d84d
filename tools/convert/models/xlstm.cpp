// xLSTM-7B (Beck et al. 2025, arXiv:2503.13427): mLSTM, which is additive fast weights with
// exponential input gates, in every layer; the equations are those of transformers'
// modeling_xlstm.py.

#include <cmath>
#include <string>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"xlstm"};
constexpr const char* kArchitectures[] = {"xLSTMForCausalLM"};

/// int(size * factor), and that rounded up.
int32_t part_of(const Config& config, int32_t size, const std::string& factor_key, double fallback,
                int32_t multiple) {
  const double exact = size * config.number(factor_key, fallback);
  if (!(exact >= 1 && exact <= 1 << 24)) config.fail(factor_key, "a factor that gives a size");
  if (multiple == 1) return static_cast<int32_t>(exact);
  return static_cast<int32_t>(std::floor((exact + multiple - 1) / multiple)) * multiple;
}

class Xlstm {
 public:
  Xlstm(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 50304)),
        width_(config_.has("hidden_size") ? config_.size("hidden_size")
                                          : config_.size("embedding_dim", 4096)),
        layers_(config_.has("num_blocks") ? config_.size("num_blocks")
                                          : config_.size("num_hidden_layers", 32)),
        heads_(config_.size("num_heads", 8)),
        keys_(part_of(config_, width_, "qk_dim_factor", 0.5, 1)),
        values_(part_of(config_, width_, "v_dim_factor", 1.0, 1)),
        feed_forward_(part_of(config_, width_, "ffn_proj_factor", 2.667,
                              config_.size("ffn_round_up_to_multiple_of", 64))),
        bias_(config_.flag("use_bias", false)),
        fused_(config_.text("weight_mode", "single") == "fused"),
        epsilon_(static_cast<float>(config_.number("norm_eps", 1e-6))) {
    config_.require_one_of("weight_mode", {"single", "fused"});
    if (keys_ % heads_ != 0 || values_ % heads_ != 0) {
      config_.fail("num_heads", "a divisor of the widths of keys and values");
    }
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "backbone.embeddings.weight", vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table.value);
    for (int32_t i = 0; i < layers_; ++i) {
      const std::string number = std::to_string(i);
      const auto scope = g_.scope("layers." + number);
      const std::string at = "backbone.blocks." + number + ".";
      const Value mixed = mlstm(at + "mlstm_layer.", norm("mixer_norm", at + "norm_mlstm", x));
      x = g_.elementwise("mixer_residual", x).add(mixed).end();
      const Value fed = mlp(at + "ffn.", norm("mlp_norm", at + "norm_ffn", x));
      x = g_.elementwise("mlp_residual", x).add(fed).end();
    }
    x = rms_norm(g_, "norm", g_.last_rows("last", x),
                 weights_("backbone.out_norm.weight", {width_}), epsilon_);
    // The original never ties its head, whatever the config says.
    const Value logits = language_model_head(g_, weights_, x, table, /*tied=*/false);
    const double cap = config_.number("output_logit_soft_cap", 30.0);
    g_.output(soft_cap(g_, "logits_capped", logits, static_cast<float>(cap)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  int32_t vocabulary() const { return vocabulary_; }

 private:
  Value norm(const std::string& name, const std::string& at, Value x) {
    std::optional<Weight> bias;
    if (bias_) bias = weights_(at + ".bias", {width_});
    return g_.norm(name, x, {schema::NormKind::rms, 1, epsilon_},
                   weights_(at + ".weight", {width_}), bias);
  }

  /// C_t = sigmoid(f_t) C_{t-1} + exp(i_t) k_t v_t^T, n_t likewise of k_t alone,
  /// h_t = C_t^T q_t / max(|n_t . q_t|, 1), all times exp(-m_t), see StabilizedGates;
  /// out = (sigmoid(x W_o) * LayerNorm(h)) W_out.
  Value mlstm(const std::string& at, Value x) {
    const auto scope = g_.scope("mlstm");
    const auto heads = static_cast<uint32_t>(heads_);
    const int32_t key_dim = keys_ / heads_;
    const StabilizedGateValues gates =
        g_.stabilized_gates("gates", gate("input_gate", at, 0, x), gate("forget_gate", at, 1, x));
    const Value q = linear("q", x, projection(at, "q", 0, keys_));
    const Value k = linear("k", x, projection(at, "k", keys_, keys_));
    const Value v = linear("v", x, projection(at, "v", 2 * keys_, values_));
    const Value h =
        g_.fast_weight("memory",
                       {.query = q,
                        .key = g_.elementwise("key", k).multiply(gates.write).end(),
                        .value = v,
                        .decay = gates.decay,
                        .key_dim = key_dim,
                        .value_dim = values_ / heads_,
                        .floor = gates.floor},
                       {.heads = heads,
                        .key_heads = heads,
                        .decay = schema::DecayKind::per_head,
                        .scale = 1.0f / std::sqrt(static_cast<float>(key_dim)),
                        .normalize = true,
                        .normalizer_epsilon = static_cast<float>(config_.number("eps", 1e-6))});
    std::optional<Weight> norm_bias;
    if (bias_) norm_bias = weights_(at + "multihead_norm.bias", {values_});
    const Value normed = g_.norm("norm", h, {schema::NormKind::layer, heads, epsilon_},
                                 weights_(at + "multihead_norm.weight", {values_}), norm_bias);
    const Value o = linear("o", x, projection(at, "ogate_preact", 2 * keys_ + values_, values_));
    const Value gated = g_.elementwise("gated", normed).multiply_sigmoid(o).end();
    return linear("out", gated, read_affine(weights_, at + "out_proj", width_, values_, bias_));
  }

  Value linear(const std::string& name, Value x, const Affine& affine) {
    return g_.linear(name, x, affine.weight, affine.options());
  }

  /// A matrix of its own, or some rows of the one that all share.
  Affine projection(const std::string& at, const std::string& name, int32_t first, int32_t rows) {
    if (!fused_) return read_affine(weights_, at + name, rows, width_, bias_);
    const Affine all =
        read_affine(weights_, at + "qkv_opreact", 2 * (keys_ + values_), width_, bias_);
    return row_range(all, first, rows);
  }

  /// The gate's argument, within a soft cap.
  Value gate(const std::string& name, const std::string& at, int32_t index, Value x) {
    const Affine affine =
        fused_ ? row_range(read_affine(weights_, at + "ifgate_preact", 2 * heads_, width_, true),
                           index * heads_, heads_)
               : read_affine(weights_, at + (index == 0 ? "igate_preact" : "fgate_preact"), heads_,
                             width_, true);
    const Value raw = g_.linear(name, x, affine.weight,
                                affine.options(schema::Activation::none, WeightRole::gate));
    const double cap = config_.number("gate_soft_cap", 15.0);
    return soft_cap(g_, name + "_capped", raw, static_cast<float>(cap));
  }

  Value mlp(const std::string& at, Value x) {
    const int32_t hidden = feed_forward_;
    const auto half = [&](const char* name, int32_t first) {
      if (!fused_) return read_affine(weights_, at + name, hidden, width_, bias_);
      return row_range(read_affine(weights_, at + "proj_up_gate_z", 2 * hidden, width_, bias_),
                       first, hidden);
    };
    return gated_mlp(g_,
                     {.gate = half("proj_up_gate", 0),
                      .up = half("proj_up", hidden),
                      .down = read_affine(weights_, at + "proj_down", width_, hidden, bias_)},
                     x);
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, layers_, heads_, keys_, values_, feed_forward_;
  bool bias_, fused_;
  float epsilon_;
};

}  // namespace

template <>
bool recognizes<struct XlstmFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct XlstmFamily>(const Source& source) {
  Graph graph;
  Xlstm model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  return graph;
}

}  // namespace linnet::convert
