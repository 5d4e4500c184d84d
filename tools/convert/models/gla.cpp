// Gated linear attention (Yang et al. 2023, arXiv:2312.06635) as flash-linear-attention has it:
// S = diag(w) S + k v^T with w = sigmoid(x W_1 W_2 + b)^(1/16), o = S^T q / sqrt(K).

#include <cmath>
#include <string>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"gla"};
constexpr const char* kArchitectures[] = {"GLAForCausalLM"};

/// Divides the logarithm of the gate; no config sets it.
constexpr float kGateNormalizer = 16;

class GatedLinearAttention {
 public:
  explicit GatedLinearAttention(FlaModel& model)
      : model_(model), g_(model.builder()), heads_(model.read_heads()) {
    model.set_short_conv(model.config().flag("use_short_conv", false));
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("gated_linear_attention");
    const Value q = mapped_features("q", at, x, with_own_keys(heads_));
    const Value k = mapped_features("k", at, x, heads_);
    const Value v = model_.head_projection(at, "v", x, heads_, heads_.values(), convolved());
    const Value read =
        g_.fast_weight("memory",
                       {.query = q,
                        .key = k,
                        .value = v,
                        .decay = decay(at, x),
                        .key_dim = heads_.key_dim,
                        .value_dim = heads_.value_dim},
                       {.heads = heads_.count(),
                        .key_heads = heads_.count(),
                        .decay = schema::DecayKind::per_key_channel,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    return model_.output(at, read, x, model_.gated_output(heads_));
  }

 private:
  /// Only a convolution is followed by a silu.
  Activation convolved() const {
    return model_.has_short_conv() ? Activation::silu : Activation::none;
  }

  Value mapped_features(const std::string& letter, const std::string& at, Value x,
                        const FlaHeads& heads) {
    return model_.feature_map(
        letter, model_.head_projection(at, letter, x, heads, heads.keys(), convolved()));
  }

  Value decay(const std::string& at, Value x) {
    WeightReader& weights = model_.weights();
    const int32_t stored = heads_.keys() / heads_.times();
    const int32_t rank = weights.matrix_shape(at + "gk_proj.0.weight")[0];
    const Value narrow = model_.projection("decay.down", x, at + "gk_proj.0.weight", rank,
                                           {.role = WeightRole::decay});
    const auto per_head = [&](Weight weight) {
      return repeated_heads(std::move(weight), heads_.key_heads, heads_.times());
    };
    const Value logits = g_.linear(
        "decay.up", narrow, per_head(weights(at + "gk_proj.1.weight", {stored, rank})),
        {.bias = per_head(weights(at + "gk_proj.1.bias", {stored})), .role = WeightRole::decay});
    auto log_decay = g_.elementwise("decay", logits).log_sigmoid().multiply(1 / kGateNormalizer);
    if (model_.config().has("clamp_min")) {
      log_decay.maximum(static_cast<float>(model_.config().number("clamp_min")));
    }
    return log_decay.exp().end();
  }

  FlaModel& model_;
  GraphBuilder& g_;
  FlaHeads heads_;
};

}  // namespace

template <>
bool recognizes<struct GlaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GlaFamily>(const Source& source) {
  FlaModel model(source, {.expand_k = 0.5});
  GatedLinearAttention layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
