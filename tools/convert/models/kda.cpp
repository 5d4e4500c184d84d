// Kimi Delta Attention (Kimi Team 2025, arXiv:2510.26692) as flash-linear-attention has it: the
// gated delta rule with a decay per key channel, S = diag(w) S, then
// S = S + k beta (v - S^T k)^T; o = S^T q / sqrt(K).

#include <cmath>
#include <string>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"kda"};
constexpr const char* kArchitectures[] = {"KDAForCausalLM"};

class KimiDeltaAttention {
 public:
  explicit KimiDeltaAttention(FlaModel& model)
      : model_(model),
        config_(model.config()),
        weights_(model.weights()),
        g_(model.builder()),
        heads_(model.read_heads(/*head_dim=*/128, /*expand_v=*/1)) {
    model.set_short_conv(config_.flag("use_short_conv", true));
    if (config_.flag("safe_gate", false) && !config_.has("lower_bound")) {
      config_.fail("lower_bound", "a number, since safe_gate is true");
    }
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("kda");
    const Value v = model_.head_projection(at, "v", x, with_own_keys(heads_), heads_.values(),
                                           Activation::silu);
    const Value read =
        g_.fast_weight("memory",
                       {.query = unit_keys("q", at, x),
                        .key = unit_keys("k", at, x),
                        .value = v,
                        .decay = decay(at, x),
                        .beta = model_.write_strength(at, x, heads_.heads),
                        .key_dim = heads_.key_dim,
                        .value_dim = heads_.value_dim},
                       {.heads = heads_.count(),
                        .key_heads = static_cast<uint32_t>(heads_.key_heads),
                        .decay = schema::DecayKind::per_key_channel,
                        .rule = schema::WriteRule::delta,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    return output(at, read, x);
  }

 private:
  Value unit_keys(const std::string& letter, const std::string& at, Value x) {
    const Value y = model_.head_projection(at, letter, x, with_own_keys(heads_),
                                           heads_.key_heads * heads_.key_dim, Activation::silu);
    const auto groups = static_cast<uint32_t>(heads_.key_heads);
    return g_.norm(letter + "_norm", y, {schema::NormKind::l2, groups, 1e-6f});
  }

  Value low_rank(const std::string& name, Value x, const std::string& at, int32_t outputs,
                 const std::optional<Weight>& bias, WeightRole role) {
    const Value narrow =
        model_.projection(name + ".down", x, at + ".0.weight", heads_.value_dim, {.role = role});
    return model_.projection(name + ".up", narrow, at + ".1.weight", outputs,
                             {.bias = bias, .role = role});
  }

  /// log w = -exp(A) softplus(f + b) or, with a lower bound l < 0, l sigmoid(exp(A) (f + b)).
  Value decay(const std::string& at, Value x) {
    const int32_t channels = heads_.keys();
    const Value f = low_rank("decay", x, at + "f_proj", channels,
                             weights_(at + "dt_bias", {channels}), WeightRole::decay);
    const Weight a_log = weights_(at + "A_log", {heads_.heads});
    const auto rate = [&](float sign) {
      return g_.weight("decay.rate", mapped(a_log, [sign](float a) { return sign * std::exp(a); }));
    };
    auto chain = g_.elementwise("decay", f);
    if (!config_.has("lower_bound")) return chain.softplus().multiply(rate(-1)).exp().end();
    const auto bound = static_cast<float>(config_.number("lower_bound"));
    return chain.multiply(rate(1)).sigmoid().multiply(bound).exp().end();
  }

  /// The norm of every head times sigmoid(x W_1 W_2 + b).
  Value output(const std::string& at, Value read, Value x) {
    const int32_t values = heads_.values();
    const Value normed =
        g_.norm("norm", read, {schema::NormKind::rms, heads_.count(), model_.epsilon()},
                weights_(at + "o_norm.weight", {heads_.value_dim}));
    const Value gate = low_rank("gate", x, at + "g_proj", values,
                                weights_(at + "g_proj.1.bias", {values}), WeightRole::low_rank);
    const Value gated = g_.elementwise("gated", normed).multiply_sigmoid(gate).end();
    return model_.projection("out", gated, at + "o_proj.weight", model_.width());
  }

  FlaModel& model_;
  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  FlaHeads heads_;
};

}  // namespace

template <>
bool recognizes<struct KdaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct KdaFamily>(const Source& source) {
  FlaModel model(source, {.heads = 16});
  KimiDeltaAttention layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
