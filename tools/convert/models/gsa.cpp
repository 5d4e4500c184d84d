// Gated slot attention (Zhang et al. 2024, arXiv:2409.07146) as flash-linear-attention has it: two
// fast weights of M slots each, K~ and V~, with a softmax over the slots between them:
//
//     K~ = K~ diag(f) + k (1 - f)^T;   p = softmax(K~^T q)
//     V~ = diag(f) V~ + (1 - f) v^T;   o = V~^T p            f = sigmoid(x W_f)^(1/8) per slot

#include <cmath>
#include <string>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"gsa"};
constexpr const char* kArchitectures[] = {"GSAForCausalLM"};

/// Of the norm before the last projection, whatever norm_eps says: the original's default.
constexpr float kOutputEpsilon = 1e-5f;

class GatedSlotAttention {
 public:
  explicit GatedSlotAttention(FlaModel& model)
      : model_(model), config_(model.config()), weights_(model.weights()), g_(model.builder()) {
    model.set_short_conv(config_.flag("use_short_conv", false));
    heads_ = model.read_heads();
    config_.require_one_of("feature_map", {"swish", "relu", "t2r"});
    if (heads_.values() != model.width()) {
      config_.fail("expand_v", "1: the last norm is as wide as the model");
    }
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("gated_slot_attention");
    const int32_t slots = this->slots(at);
    const Value q = mapped_features("q", at, x, with_own_keys(heads_));
    const Value k = mapped_features("k", at, x, heads_);
    const Value v =
        g_.elementwise("v_features", projected("v", at, x, heads_, heads_.values())).silu().end();
    const Value forget = this->forget(at, x, slots);
    const Value write = g_.elementwise("write", forget).negate().add(1.0f).end();

    const Value scores = g_.fast_weight("slot_keys",
                                        {.query = q,
                                         .key = k,
                                         .value = write,
                                         .decay = forget,
                                         .key_dim = heads_.key_dim,
                                         .value_dim = slots},
                                        {.heads = heads_.count(),
                                         .key_heads = heads_.count(),
                                         .decay = schema::DecayKind::per_value_channel});
    const Value p = g_.norm("softmax", scores, {schema::NormKind::softmax, heads_.count(), 0});
    const Value read = g_.fast_weight("slot_values",
                                      {.query = p,
                                       .key = write,
                                       .value = v,
                                       .decay = forget,
                                       .key_dim = slots,
                                       .value_dim = heads_.value_dim},
                                      {.heads = heads_.count(),
                                       .key_heads = heads_.count(),
                                       .decay = schema::DecayKind::per_key_channel});
    return output(at, read);
  }

 private:
  /// num_slots; the original takes the key size of a head where it is null.
  int32_t slots(const std::string& at) const {
    const int32_t rows = weights_.matrix_shape(at + "f_proj.weight")[0];
    const int32_t slots = rows / heads_.key_heads;
    if (slots == 0 || rows % heads_.key_heads != 0 || slots != config_.size("num_slots", slots)) {
      config_.fail("num_slots", "what f_proj has rows for per head: " + std::to_string(slots));
    }
    return slots;
  }

  /// Only a convolution is followed by a silu.
  Value projected(const std::string& letter, const std::string& at, Value x, const FlaHeads& heads,
                  int32_t channels) {
    return model_.head_projection(at, letter, x, heads, channels,
                                  model_.has_short_conv() ? Activation::silu : Activation::none);
  }

  Value mapped_features(const std::string& letter, const std::string& at, Value x,
                        const FlaHeads& heads) {
    const Value y = projected(letter, at, x, heads, heads.keys());
    const std::string map = config_.text("feature_map", "swish");
    if (map == "swish") return g_.elementwise(letter + "_features", y).silu().end();
    if (map == "relu") return g_.elementwise(letter + "_features", y).relu().end();
    const Weight learnt = weights_(at + "feature_map.layer.weight", {heads.key_dim, heads.key_dim});
    return g_.linear(letter + "_features", y, block_diagonal(learnt, heads.heads),
                     {.activation = Activation::relu});
  }

  Value forget(const std::string& at, Value x, int32_t slots) {
    const Weight stored =
        weights_(at + "f_proj.weight", {heads_.key_heads * slots, model_.width()});
    const Value f = g_.linear("f", x, repeated_heads(stored, heads_.key_heads, heads_.times()),
                              {.role = WeightRole::gate});
    const double normalizer = config_.number("gate_logit_normalizer", 8);
    if (!(normalizer > 0)) config_.fail("gate_logit_normalizer", "a number above 0");
    return g_.elementwise("forget", f)
        .log_sigmoid()
        .multiply(static_cast<float>(1 / normalizer))
        .exp()
        .end();
  }

  Value output(const std::string& at, Value read) {
    const int32_t width = model_.width();
    std::optional<Weight> weight;
    if (config_.flag("elementwise_affine", true)) weight = weights_(at + "g_norm.weight", {width});
    const Value activated = g_.elementwise("activated", read).silu().end();
    const Value normed =
        g_.norm("norm", activated, {schema::NormKind::rms, 1, kOutputEpsilon}, weight);
    return model_.projection("out", normed, at + "o_proj.weight", width);
  }

  FlaModel& model_;
  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  FlaHeads heads_;
};

}  // namespace

template <>
bool recognizes<struct GsaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct GsaFamily>(const Source& source) {
  FlaModel model(source, {});
  GatedSlotAttention layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
