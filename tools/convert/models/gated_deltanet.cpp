// Gated DeltaNet (Yang et al. 2024, arXiv:2412.06464) as flash-linear-attention has it:
// S = w S, then S = S + k beta (v - S^T k)^T, with w = exp(-exp(A) softplus(x W_a + b)) per head;
// o = S^T q / sqrt(K).

#include <cmath>
#include <string>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"gated_deltanet"};
constexpr const char* kArchitectures[] = {"GatedDeltaNetForCausalLM"};

class GatedDeltaNet {
 public:
  explicit GatedDeltaNet(FlaModel& model)
      : model_(model),
        g_(model.builder()),
        heads_(model.read_heads(/*head_dim=*/256, /*expand_v=*/2)) {
    model.set_short_conv(model.config().flag("use_short_conv", true));
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("gated_deltanet");
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
                        .decay = schema::DecayKind::per_head,
                        .rule = schema::WriteRule::delta,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    return model_.output(
        at, read, x,
        {.heads = heads_, .norm = "o_norm", .is_gated = model_.config().flag("use_gate", true)});
  }

 private:
  /// Every key head serves heads / key_heads value heads, which FastWeight repeats it for.
  Value unit_keys(const std::string& letter, const std::string& at, Value x) {
    const Value y = model_.head_projection(at, letter, x, with_own_keys(heads_),
                                           heads_.key_heads * heads_.key_dim, Activation::silu);
    const auto groups = static_cast<uint32_t>(heads_.key_heads);
    return g_.norm(letter + "_norm", y, {schema::NormKind::l2, groups, 1e-6f});
  }

  Value decay(const std::string& at, Value x) {
    const int32_t heads = heads_.heads;
    const Value a = model_.projection(
        "a", x, at + "a_proj.weight", heads,
        {.bias = model_.weights()(at + "dt_bias", {heads}), .role = WeightRole::gate});
    const Weight rate = mapped(model_.weights()(at + "A_log", {heads}),
                               [](float a_log) { return -std::exp(a_log); });
    return g_.elementwise("decay", a)
        .softplus()
        .multiply(g_.weight("decay.rate", rate))
        .exp()
        .end();
  }

  FlaModel& model_;
  GraphBuilder& g_;
  FlaHeads heads_;
};

}  // namespace

template <>
bool recognizes<struct GatedDeltaNetFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GatedDeltaNetFamily>(const Source& source) {
  FlaModel model(source, {.layers = 21, .heads = 6});
  GatedDeltaNet layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
