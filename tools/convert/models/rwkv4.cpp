// RWKV-4 (Peng et al. 2023, arXiv:2305.13048), from BlinkDL's files and from Hugging Face, whose
// names differ.

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"rwkv"};
constexpr const char* kArchitectures[] = {"RwkvForCausalLM"};

/// Mixes are for k, v and r.
struct TimeMix {
  Weight key_mix, value_mix, receptance_mix;
  Weight key, value, receptance, output;
  Weight decay;  ///< stored as the logarithm of minus w
  Weight bonus;
};

/// (sigmoid(r) wkv(k, v)) W_o.
Value time_mix(const TimeMix& w, GraphBuilder& g, Value x) {
  const std::vector<Value> shifted =
      g.token_shift("shift", x, {"k", "v", "r"}, {w.key_mix, w.value_mix, w.receptance_mix});
  const Value k = g.linear("key", shifted[0], w.key);
  const Value v = g.linear("value", shifted[1], w.value);
  const Value r = g.linear("receptance", shifted[2], w.receptance);
  const Weight decay = mapped(w.decay, [](float stored) { return -std::exp(stored); });
  const Value read = g.wkv("memory", k, v, decay, w.bonus);
  return g.linear("output", g.elementwise("gated", read).multiply_sigmoid(r).end(), w.output);
}

/// `at` begins the names of a layer's time mixing; `key`, `value` and `receptance` end those of its
/// mixes.
TimeMix read_time_mix(WeightReader& weights, const std::string& at, int32_t width, int32_t inner,
                      const std::string& key, const std::string& value,
                      const std::string& receptance) {
  const auto mix = [&](const std::string& name) {
    return share_of_previous(weights(at + "time_mix_" + name, {width}));
  };
  const Shape inward = {inner, width};
  return {mix(key),
          mix(value),
          mix(receptance),
          weights(at + "key.weight", inward),
          weights(at + "value.weight", inward),
          weights(at + "receptance.weight", inward),
          weights(at + "output.weight", {width, inner}),
          weights(at + "time_decay", {inner}),
          weights(at + "time_first", {inner})};
}

Graph build_with(const RwkvModel& model, const std::vector<TimeMix>& mixes,
                 const WeightReader& weights) {
  weights.require_all_used([](const std::string&) { return false; });
  return build_rwkv(model, [&mixes](GraphBuilder& g, size_t layer, Value x) {
    return time_mix(mixes[layer], g, x);
  });
}

/// Hugging Face's names and config.json, with the defaults of transformers' RwkvConfig.
class Rwkv4Hf {
 public:
  explicit Rwkv4Hf(const Source& source)
      : config_(*source.config),
        weights_(source.checkpoint),
        vocabulary_(config_.size("vocab_size", 50277)),
        width_(config_.size("hidden_size", 4096)),
        inner_(config_.size("attention_hidden_size", width_)),
        feed_forward_(config_.has("intermediate_size")
                          ? config_.size("intermediate_size")
                          : config_.product("hidden_size", width_, "4", 4)) {}

  Graph build() {
    RwkvModel model;
    model.epsilon = static_cast<float>(config_.number("layer_norm_epsilon", 1e-5));
    model.embedding = weights_("rwkv.embeddings.weight", {vocabulary_, width_});
    model.embedding_norm = affine("rwkv.blocks.0.pre_ln");
    read_rescaling(model);
    std::vector<TimeMix> mixes;
    const int32_t layers = config_.size("num_hidden_layers", 32);
    for (int32_t i = 0; i < layers; ++i) {
      const std::string at = "rwkv.blocks." + std::to_string(i) + ".";
      mixes.push_back(
          read_time_mix(weights_, at + "attention.", width_, inner_, "key", "value", "receptance"));
      model.layers.push_back(
          {affine(at + "ln1"), affine(at + "ln2"), channel_mix(at + "feed_forward.")});
      if (model.halve_every == 0) continue;
      // What is added to a halved stream is made smaller by as much.
      const int32_t halvings = i / model.halve_every;
      const float factor = std::exp2(-static_cast<float>(halvings));
      const auto smaller = [factor](float value) { return value * factor; };
      mixes.back().output = mapped(mixes.back().output, smaller);
      RwkvModel::ChannelMix& channel = model.layers.back().channel;
      channel.value = mapped(channel.value, smaller);
    }
    model.norm = affine("rwkv.ln_out");
    if (config_.flag("tie_word_embeddings", false)) {
      weights_.ignore("head.weight");
    } else {
      model.head = weights_("head.weight", {vocabulary_, width_});
    }
    return build_with(model, mixes, weights_);
  }

 private:
  /// 0 is a value here: never.
  void read_rescaling(RwkvModel& model) const {
    constexpr int32_t kDefault = 6;
    const double every = config_.number("rescale_every", kDefault);
    if (!(every >= 0 && every <= 65536 && every == std::floor(every))) {
      config_.fail("rescale_every", "a number of layers");
    }
    model.halve_every = static_cast<int32_t>(every);
  }

  RwkvModel::Affine affine(const std::string& name) {
    return {weights_(name + ".weight", {width_}), weights_(name + ".bias", {width_})};
  }

  RwkvModel::ChannelMix channel_mix(const std::string& at) {
    const auto mix = [&](const std::string& name) {
      return share_of_previous(weights_(at + "time_mix_" + name, {width_}));
    };
    return {mix("key"), mix("receptance"), weights_(at + "key.weight", {feed_forward_, width_}),
            weights_(at + "value.weight", {width_, feed_forward_}),
            weights_(at + "receptance.weight", {width_, width_})};
  }

  Config config_;
  WeightReader weights_;
  int32_t vocabulary_, width_, inner_, feed_forward_;
};

}  // namespace

/// Its decay is a vector, and no norm follows.
template <>
bool recognizes<struct Rwkv4PthFamily>(const Source& source) {
  return source.checkpoint.contains("blocks.0.att.time_first") &&
         !source.checkpoint.contains("blocks.0.att.ln_x.weight");
}

template <>
Graph build<struct Rwkv4PthFamily>(const Source& source) {
  WeightReader weights(source.checkpoint);
  const RwkvModel model = read_rwkv_pth(weights, "time_mix_");
  const int32_t width = model.embedding.size(1);
  std::vector<TimeMix> mixes;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const std::string at = "blocks." + std::to_string(i) + ".att.";
    const int32_t inner = weights.matrix_shape(at + "key.weight")[0];
    mixes.push_back(read_time_mix(weights, at, width, inner, "k", "v", "r"));
  }
  return build_with(model, mixes, weights);
}

template <>
bool recognizes<struct Rwkv4HfFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Rwkv4HfFamily>(const Source& source) {
  return Rwkv4Hf(source).build();
}

}  // namespace linnet::convert
