// Mamba (Gu and Dao 2023, arXiv:2312.00752), as transformers' modeling_mamba.py has it: a selective
// state space for every channel behind a short convolution.

#include <cmath>
#include <string>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"mamba"};
constexpr const char* kArchitectures[] = {"MambaForCausalLM"};

class Mamba {
 public:
  Mamba(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 50280)),
        width_(config_.size("hidden_size", 768)),
        inner_(config_.product("hidden_size", width_, "expand", config_.size("expand", 2))),
        states_(config_.size("state_size", 16)),
        kernel_(read_conv_kernel(config_, "conv_kernel", 4)),
        rank_(config_.has("time_step_rank") && !config_.is_text("time_step_rank")
                  ? config_.size("time_step_rank")
                  : (width_ + 15) / 16),
        bias_(config_.flag("use_bias", false)),
        conv_bias_(config_.flag("use_conv_bias", true)),
        activation_(read_activation(config_, "hidden_act", "silu")),
        epsilon_(static_cast<float>(config_.number("layer_norm_epsilon", 1e-5))) {}

  void build() {
    const Value tokens = g_.input_tokens();
    // Older checkpoints spell it without the s.
    const char* name = weights_.contains("backbone.embedding.weight")
                           ? "backbone.embedding.weight"
                           : "backbone.embeddings.weight";
    const EmbeddingTable table = read_embedding(g_, weights_, name, vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table.value);
    const int32_t layers = config_.size("num_hidden_layers", 32);
    for (int32_t i = 0; i < layers; ++i) {
      const std::string number = "layers." + std::to_string(i);
      const auto scope = g_.scope(number);
      const std::string at = "backbone." + number + ".";
      const Value mixed = mixer(at + "mixer.", norm("mixer_norm", at + "norm.weight", x));
      x = g_.elementwise("mixer_residual", x).add(mixed).end();
    }
    x = norm("norm", "backbone.norm_f.weight", g_.last_rows("last", x));
    g_.output(
        language_model_head(g_, weights_, x, table, config_.flag("tie_word_embeddings", true)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  int32_t vocabulary() const { return vocabulary_; }

 private:
  Value norm(const std::string& name, const std::string& weight, Value x) {
    return rms_norm(g_, name, x, weights_(weight, {width_}), epsilon_);
  }

  /// h_t = exp(dt A) h_{t-1} + dt u_t B_t^T, y_t = h_t C_t + D u_t, out = (y * act(z)) W_out.
  Value mixer(const std::string& at, Value x) {
    const auto scope = g_.scope("mamba");
    const Affine in = read_affine(weights_, at + "in_proj", 2 * inner_, width_, bias_);
    const Affine u_in = row_range(in, 0, inner_);
    const Affine z_in = row_range(in, inner_, inner_);
    const Value z = g_.linear("z", x, z_in.weight, z_in.options(activation_));
    std::optional<Weight> conv_bias;
    if (conv_bias_) conv_bias = weights_(at + "conv1d.bias", {inner_});
    const Value u = g_.causal_conv("convolution", g_.linear("u", x, u_in.weight, u_in.options()),
                                   transposed(weights_(at + "conv1d.weight", {inner_, kernel_})),
                                   activation_, conv_bias);

    const Weight select = weights_(at + "x_proj.weight", {rank_ + 2 * states_, inner_});
    const Value y = g_.selective_scan(
        "scan", {.value = u,
                 .step = step(at, row_range(select, 0, rank_), u),
                 .rates = transposed(mapped(weights_(at + "A_log", {inner_, states_}),
                                            [](float a_log) { return -std::exp(a_log); })),
                 .write = g_.linear("b", u, row_range(select, rank_, states_)),
                 .read = g_.linear("c", u, row_range(select, rank_ + states_, states_)),
                 .skip = weights_(at + "D", {inner_})});
    const Affine out = read_affine(weights_, at + "out_proj", width_, inner_, bias_);
    return g_.linear("out", g_.elementwise("gated", y).multiply(z).end(), out.weight,
                     out.options());
  }

  /// dt = softplus(u W_down W_up + b).
  Value step(const std::string& at, const Weight& down, Value u) {
    const Value low = g_.linear("step_down", u, down, {.role = WeightRole::decay});
    const Affine up = read_affine(weights_, at + "dt_proj", inner_, rank_, /*has_bias=*/true);
    const Value raw = g_.linear("step_up", low, up.weight,
                                up.options(schema::Activation::none, WeightRole::decay));
    return g_.elementwise("step", raw).softplus().end();
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, inner_, states_, kernel_, rank_;
  bool bias_, conv_bias_;
  schema::Activation activation_;
  float epsilon_;
};

}  // namespace

template <>
bool recognizes<struct MambaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct MambaFamily>(const Source& source) {
  Graph graph;
  Mamba model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  return graph;
}

}  // namespace linnet::convert
