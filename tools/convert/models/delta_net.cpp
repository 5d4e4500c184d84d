// DeltaNet (Schlag et al. 2021, arXiv:2102.11174; Yang et al. 2024, arXiv:2406.06484) as
// flash-linear-attention has it: S = S + k beta (v - S^T k)^T, o = S^T q / sqrt(K).

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"delta_net"};
constexpr const char* kArchitectures[] = {"DeltaNetForCausalLM"};

class DeltaNet {
 public:
  explicit DeltaNet(FlaModel& model)
      : model_(model),
        config_(model.config()),
        g_(model.builder()),
        heads_(with_own_keys(model.read_heads())),
        activation_(config_.text("qk_activation", "silu")) {
    config_.require_one_of("qk_activation", {"silu", "relu", "elu", "identity"});
    config_.require_one_of("qk_norm", {"l2", "sum"});
    model.set_short_conv(config_.flag("use_short_conv", true));
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("delta_net");
    const Value q = keys("q", at, x);
    const Value k = keys("k", at, x);
    const Value v = model_.head_projection(at, "v", x, heads_, heads_.values(), Activation::silu);
    const Value read =
        g_.fast_weight("memory",
                       {.query = q,
                        .key = k,
                        .value = v,
                        .beta = write_strength(at, x),
                        .key_dim = heads_.key_dim,
                        .value_dim = heads_.value_dim},
                       {.heads = heads_.count(),
                        .key_heads = heads_.count(),
                        .rule = schema::WriteRule::delta,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    return model_.output(
        at, read, x,
        {.heads = heads_, .norm = "o_norm", .is_gated = config_.flag("use_gate", false)});
  }

 private:
  Value keys(const std::string& letter, const std::string& at, Value x) {
    const bool is_silu = activation_ == "silu";
    Value y = model_.head_projection(at, letter, x, heads_, heads_.keys(),
                                     is_silu ? Activation::silu : Activation::none);
    if (activation_ == "relu") y = g_.elementwise(letter + "_features", y).relu().end();
    if (activation_ == "elu") y = g_.elementwise(letter + "_features", y).elu().add(1.0f).end();
    if (config_.text("qk_norm", "l2") == "sum") {
      return g_.norm(letter + "_norm", y, {schema::NormKind::sum, heads_.count(), 0});
    }
    return g_.norm(letter + "_norm", y, {schema::NormKind::l2, heads_.count(), 1e-6f});
  }

  Value write_strength(const std::string& at, Value x) {
    if (config_.flag("use_beta", true)) return model_.write_strength(at, x, heads_.heads);
    const float strength = config_.flag("allow_neg_eigval", false) ? 2.0f : 1.0f;
    const std::vector<float> all(static_cast<size_t>(heads_.heads), strength);
    return g_.weight("beta", constant({heads_.heads}, all));
  }

  FlaModel& model_;
  const Config& config_;
  GraphBuilder& g_;
  FlaHeads heads_;
  std::string activation_;
};

}  // namespace

template <>
bool recognizes<struct DeltaNetFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct DeltaNetFamily>(const Source& source) {
  FlaModel model(source, {.heads = 16});
  DeltaNet layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
