// Linear attention (Katharopoulos et al. 2020, arXiv:2006.16236) as flash-linear-attention has it,
// with its choice of feature maps phi: S = S + phi(k) v^T, o = S^T phi(q) / sqrt(K).

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tools/convert/models/fla.h"

namespace linnet::convert {
namespace {

using schema::Activation;

constexpr const char* kModelTypes[] = {"linear_attn"};
constexpr const char* kArchitectures[] = {"LinearAttentionForCausalLM"};

/// Rolls of the deterministic parameter-free projection (Schlag et al. 2021, arXiv:2102.11174).
constexpr int32_t kDpfpRolls = 4;

class LinearAttention {
 public:
  explicit LinearAttention(FlaModel& model)
      : model_(model),
        config_(model.config()),
        weights_(model.weights()),
        g_(model.builder()),
        heads_(model.read_heads()),
        map_(config_.text("feature_map", "elementwise_product")) {
    config_.require_one_of("feature_map", {"elementwise_product", "hedgehog", "t2r", "dpfp", "elu",
                                           "relu", "identity"});
  }

  Value mix(const std::string& at, Value x) {
    const auto scope = g_.scope("linear_attention");
    const Value q = keys("q", at, x, heads_.heads, config_.flag("norm_q", false));
    const Value k = keys("k", at, x, heads_.key_heads, config_.flag("norm_k", false));
    const Value v = model_.head_projection(at, "v", x, heads_, heads_.values(), Activation::none);
    const int32_t features = g_.width(k) / heads_.heads;
    const Value read = g_.fast_weight(
        "memory",
        {.query = q, .key = k, .value = v, .key_dim = features, .value_dim = heads_.value_dim},
        {.heads = heads_.count(),
         .key_heads = heads_.count(),
         .scale = 1.0f / std::sqrt(static_cast<float>(features)),
         .normalize = config_.flag("norm_feature_map", false),
         .normalizer_epsilon = 1e-10f});
    return model_.output(
        at, read, x,
        {.heads = heads_, .norm = "norm", .has_weight = config_.flag("elementwise_affine", true)});
  }

 private:
  /// phi(x W), and with `sums_to_one` divided by its sum.
  Value keys(const std::string& letter, const std::string& at, Value x, int32_t stored_heads,
             bool sums_to_one) {
    const Value mapped = feature_map(letter, at, x, stored_heads);
    if (!sums_to_one) return mapped;
    return g_.norm(letter + "_norm", mapped, {schema::NormKind::sum, heads_.count(), 1e-4f});
  }

  /// A learnt map is a matrix that all heads share: its product with every head's projection is one
  /// projection.
  Value feature_map(const std::string& letter, const std::string& at, Value x,
                    int32_t stored_heads) {
    Weight w =
        weights_(at + letter + "_proj.weight", {stored_heads * heads_.key_dim, model_.width()});
    if (stored_heads != heads_.heads) w = repeated_heads(w, stored_heads, heads_.times());
    const std::string map = map_name(at, letter);
    if (map_ == "elementwise_product") {
      const Value first =
          g_.linear(letter + "_1", x, learnt(map + "layer1", w), bias(map + "layer1"));
      const Value second =
          g_.linear(letter + "_2", x, learnt(map + "layer2", w), bias(map + "layer2"));
      return g_.elementwise(letter + "_features", first).multiply(second).end();
    }
    if (map_ == "hedgehog") return hedgehog(letter, x, map + "layer", w);
    if (map_ == "dpfp") return dpfp(letter, x, w);
    if (map_ == "t2r") w = learnt(map + "layer", w);
    const bool is_relu = map_ == "t2r" || map_ == "relu";
    const Value projected =
        g_.linear(letter, x, w, {.activation = is_relu ? Activation::relu : Activation::none});
    if (map_ != "elu") return projected;
    return g_.elementwise(letter + "_features", projected).elu().add(1.0f).end();
  }

  /// Maps that q and k share are stored under either name.
  std::string map_name(const std::string& at, const std::string& letter) const {
    std::string own = at + "feature_map_" + letter + ".";
    if (!config_.flag("tie_feature_map_qk", false) || has_map(own)) return own;
    return at + "feature_map_" + (letter == "q" ? "k." : "q.");
  }
  bool has_map(const std::string& name) const {
    return weights_.contains(name + "layer.weight") || weights_.contains(name + "layer1.weight");
  }

  Weight learnt(const std::string& layer, const Weight& projection) {
    const int32_t dim = heads_.key_dim;
    return composed_heads(weights_(layer + ".weight", {dim, dim}), projection, heads_.heads);
  }
  LinearOptions bias(const std::string& layer) {
    return {.bias = tiled(weights_(layer + ".bias", {heads_.key_dim}), heads_.heads)};
  }

  /// softmax([2 y, -2 y]) with y = W x + b (Zhang et al. 2024, arXiv:2402.04347).
  Value hedgehog(const std::string& letter, Value x, const std::string& layer, const Weight& w) {
    const int32_t dim = heads_.key_dim;
    const auto both_signs = [dim](Weight stored) {
      return scaled_rows(tiled(std::move(stored), 2), [dim](uint64_t row) {
        return row < static_cast<uint64_t>(dim) ? 2.0f : -2.0f;
      });
    };
    const Weight matrix = both_signs(weights_(layer + ".weight", {dim, dim}));
    const Weight offsets = both_signs(weights_(layer + ".bias", {dim}));
    const Value logits = g_.linear(letter, x, composed_heads(matrix, w, heads_.heads),
                                   {.bias = tiled(offsets, heads_.heads)});
    return g_.norm(letter + "_features", logits, {schema::NormKind::softmax, heads_.count(), 0});
  }

  /// r_i r_(i-j) for j = 1 .. 4 with r = [relu x, -relu x]. Rolled or not, r is a choice of the
  /// projection's rows; the signs follow.
  Value dpfp(const std::string& letter, Value x, const Weight& w) {
    const auto dim = static_cast<uint64_t>(heads_.key_dim);
    const uint64_t features = 2 * dim * kDpfpRolls;
    const auto plain = [dim](uint64_t feature) { return feature % (2 * dim); };
    const auto rolled = [dim](uint64_t feature) {
      const uint64_t by = feature / (2 * dim) + 1;
      return (feature % (2 * dim) + 2 * dim * kDpfpRolls - by) % (2 * dim);
    };
    const auto chosen = [&](const std::string& name, const auto& index) {
      const auto rows = static_cast<int32_t>(features * static_cast<uint64_t>(heads_.heads));
      return g_.linear(name, x,
                       selected_rows(w, rows,
                                     [=](uint64_t row) {
                                       return row / features * dim + index(row % features) % dim;
                                     }),
                       {.activation = Activation::relu});
    };
    std::vector<float> signs;
    for (uint64_t i = 0; i < features; ++i) {
      signs.push_back((plain(i) < dim) == (rolled(i) < dim) ? 1.0f : -1.0f);
    }
    const Weight all_signs = tiled(constant({static_cast<int32_t>(features)}, signs), heads_.heads);
    return g_.elementwise(letter + "_features", chosen(letter, plain))
        .multiply(chosen(letter + "_rolled", rolled))
        .multiply(g_.weight(letter + "_signs", all_signs))
        .end();
  }

  FlaModel& model_;
  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  FlaHeads heads_;
  std::string map_;
};

}  // namespace

template <>
bool recognizes<struct LinearAttnFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct LinearAttnFamily>(const Source& source) {
  FlaModel model(source, {});
  LinearAttention layer(model);
  return model.build([&](int32_t, const std::string& at, Value x) { return layer.mix(at, x); });
}

}  // namespace linnet::convert
