// HGRN2 (Qin et al. 2024, arXiv:2404.07904) as flash-linear-attention has it:
// S = diag(f) S + (1 - f) i^T with f = l + (1 - l) sigmoid(x W_f), o = S^T silu(q) / sqrt(K).

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"hgrn2"};
constexpr const char* kArchitectures[] = {"HGRN2ForCausalLM"};

/// Of the norm before the last projection, whatever norm_eps says: the original's default.
constexpr float kOutputEpsilon = 1e-5f;

class Hgrn2 {
 public:
  explicit Hgrn2(FlaModel& model)
      : model_(model), config_(model.config()), weights_(model.weights()), g_(model.builder()) {
    model.set_short_conv(config_.flag("use_short_conv", false));
    read_heads();
    if (config_.flag("use_lower_bound", true)) read_lower_bounds();
  }

  Value mix(int32_t layer, const std::string& at, Value x) {
    const auto scope = g_.scope("hgrn2");
    const int32_t width = model_.width();
    const Value q = model_.head_projection(at, "q", x, heads_, heads_.keys(), Activation::none);
    const Value f = model_.head_projection(at, "f", x, heads_, heads_.keys(), Activation::none);
    const Value i = model_.head_projection(at, "i", x, heads_, width, Activation::none);
    const Value forget = this->forget(layer, f);
    const Value read =
        g_.fast_weight("memory",
                       {.query = g_.elementwise("query", q).silu().end(),
                        .key = g_.elementwise("key", forget).negate().add(1.0f).end(),
                        .value = i,
                        .decay = forget,
                        .key_dim = heads_.key_dim,
                        .value_dim = heads_.value_dim},
                       {.heads = heads_.count(),
                        .key_heads = heads_.count(),
                        .decay = schema::DecayKind::per_key_channel,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.key_dim))});
    std::optional<Weight> weight;
    if (config_.flag("elementwise_affine", true)) weight = weights_(at + "g_norm.weight", {width});
    const Value normed = g_.norm("norm", read, {schema::NormKind::rms, 1, kOutputEpsilon}, weight);
    return model_.projection("out", normed, at + "o_proj.weight", width);
  }

 private:
  /// expand_ratio is the key size of a head, and gives the number of heads unless it is null.
  void read_heads() {
    const int32_t width = model_.width();
    const bool by_heads = !config_.has("expand_ratio") && config_.has("num_heads");
    heads_.heads = by_heads ? config_.size("num_heads")
                            : width / config_.size("expand_ratio", kDefaultExpandRatio);
    if (heads_.heads == 0 || width % heads_.heads != 0) {
      config_.fail(by_heads ? "num_heads" : "expand_ratio",
                   "what makes equal heads of hidden_size, " + std::to_string(width));
    }
    heads_.key_heads = heads_.heads;
    heads_.value_dim = width / heads_.heads;
    heads_.key_dim =
        by_heads ? heads_.value_dim : config_.size("expand_ratio", kDefaultExpandRatio);
    if (config_.flag("use_lower_bound", true) && heads_.keys() != width) {
      config_.fail("expand_ratio", "a divisor of hidden_size, " + std::to_string(width));
    }
  }

  /// l of layer i: the softmax over layers, summed over layers 1 to i.
  void read_lower_bounds() {
    const int32_t layers = model_.layers();
    const auto width = static_cast<size_t>(model_.width());
    const Weight stored = weights_("model.lower_bounds", {layers, model_.width()});
    std::vector<float> logits(static_cast<size_t>(layers) * width);
    stored.rows(0, static_cast<uint64_t>(layers), logits);
    lower_bounds_.assign(static_cast<size_t>(layers), std::vector<float>(width));
    for (size_t c = 0; c < width; ++c) {
      double largest = logits[c];
      double total = 0;
      for (size_t i = c; i < logits.size(); i += width)
        largest = std::max<double>(largest, logits[i]);
      for (size_t i = c; i < logits.size(); i += width) total += std::exp(logits[i] - largest);
      double sum = 0;
      for (size_t i = 1; i < lower_bounds_.size(); ++i) {
        sum += std::exp(logits[i * width + c] - largest) / total;
        lower_bounds_[i][c] = static_cast<float>(sum);
      }
    }
  }

  /// The first layer has no lower bound.
  Value forget(int32_t layer, Value f) {
    auto chain = g_.elementwise("forget", f).sigmoid();
    if (layer == 0 || lower_bounds_.empty()) return chain.end();
    const Weight bound = constant({model_.width()}, lower_bounds_[static_cast<size_t>(layer)]);
    const Weight rest = mapped(bound, [](float l) { return 1.0f - l; });
    return chain.multiply(g_.weight("forget.rest", rest))
        .add(g_.weight("forget.lower_bound", bound))
        .end();
  }

  static constexpr int32_t kDefaultExpandRatio = 128;

  FlaModel& model_;
  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  FlaHeads heads_;
  std::vector<std::vector<float>> lower_bounds_;  ///< of every layer; none without use_lower_bound
};

}  // namespace

template <>
bool recognizes<struct Hgrn2Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Hgrn2Family>(const Source& source) {
  FlaModel model(source, {});
  Hgrn2 mixer(model);
  return model.build(
      [&](int32_t layer, const std::string& at, Value x) { return mixer.mix(layer, at, x); });
}

}  // namespace linnet::convert
