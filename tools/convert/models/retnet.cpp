// RetNet (Sun et al. 2023, arXiv:2307.08621) as flash-linear-attention has it:
// S = (1 - 2^(-5-h)) S + k v^T for head h, o = S^T q / sqrt(K), with rotary q and k.

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"retnet"};
constexpr const char* kArchitectures[] = {"RetNetForCausalLM"};

class Retention {
 public:
  explicit Retention(FlaModel& model)
      : model_(model), g_(model.builder()), heads_(model.read_heads()) {
    if (heads_.key_dim % 2 != 0) {
      model.config().fail("expand_k", "a factor that makes heads of an even number of channels");
    }
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("retention");
    const Value q = turned("q", mapped_features("q", at, x, with_own_keys(heads_)));
    const Value k = turned("k", mapped_features("k", at, x, heads_));
    const Value v = model_.head_projection(at, "v", x, heads_, heads_.values(), Activation::none);
    const Value read =
        g_.fast_weight("memory",
                       {.query = q,
                        .key = k,
                        .value = v,
                        .decay = g_.weight("decay", decay()),
                        .key_dim = heads_.key_dim,
                        .value_dim = heads_.value_dim},
                       {.heads = heads_.count(),
                        .key_heads = heads_.count(),
                        .decay = schema::DecayKind::per_head,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    return model_.output(at, read, x, model_.gated_output(heads_));
  }

 private:
  Value mapped_features(const std::string& letter, const std::string& at, Value x,
                        const FlaHeads& heads) {
    return model_.feature_map(
        letter, model_.head_projection(at, letter, x, heads, heads.keys(), Activation::none));
  }

  Value turned(const std::string& letter, Value x) {
    std::vector<float> frequencies;
    for (int32_t i = 0; i < heads_.key_dim; i += 2) {
      frequencies.push_back(static_cast<float>(std::pow(10000.0, -double(i) / heads_.key_dim)));
    }
    return g_.rotary(
        letter + "_rotary", x,
        g_.weight(letter + "_rotary.frequencies", constant({heads_.key_dim / 2}, frequencies)),
        {.heads = heads_.count(), .dimensions = static_cast<uint32_t>(heads_.key_dim)});
  }

  Weight decay() const {
    std::vector<float> values(static_cast<size_t>(heads_.heads));
    for (size_t h = 0; h < values.size(); ++h) {
      values[h] = static_cast<float>(1.0 - std::exp2(-5.0 - static_cast<double>(h)));
    }
    return constant({heads_.heads}, values);
  }

  FlaModel& model_;
  GraphBuilder& g_;
  FlaHeads heads_;
};

}  // namespace

template <>
bool recognizes<struct RetNetFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct RetNetFamily>(const Source& source) {
  // use_short_conv is in the config, but the original's blocks do not hand it on.
  FlaModel model(source, {.heads = 8, .hidden_ratio = 2, .expand_v = 2});
  Retention layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
