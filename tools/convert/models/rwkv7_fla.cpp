// RWKV-7 as flash-linear-attention stores it, a Hugging Face folder.

#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv7.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"rwkv7", "rwkv7_fla"};
constexpr const char* kArchitectures[] = {"RWKV7ForCausalLM"};

schema::Activation read_activation(const Config& config) {
  config.require_one_of("hidden_act", {"sqrelu", "relu", "silu", "swish"});
  const std::string name = config.text("hidden_act", "sqrelu");
  if (name == "sqrelu") return schema::Activation::squared_relu;
  return name == "relu" ? schema::Activation::relu : schema::Activation::silu;
}

class Rwkv7Fla {
 public:
  explicit Rwkv7Fla(const Source& source) : config_(*source.config), weights_(source.checkpoint) {
    if (config_.has("attn"))
      config_.fail("attn", "null: layers of softmax attention are not known");
    width_ = config_.size("hidden_size", 2048);
    read_heads();
    if (config_.has("intermediate_size")) {
      feed_forward_ = config_.size("intermediate_size");
    } else {
      // The default is rounded up to a multiple of 32.
      const double ratio = config_.number("hidden_ratio", 4);
      if (!(ratio > 0 && ratio <= 64)) config_.fail("hidden_ratio", "a number up to 64");
      feed_forward_ = (static_cast<int32_t>(width_ * ratio) + 31) / 32 * 32;
    }
    const double epsilon = config_.number("norm_eps", 1e-5);
    model_.epsilon = static_cast<float>(epsilon);
    model_.head_epsilon = static_cast<float>(model_.key_dim * epsilon);
    model_.channel_activation = read_activation(config_);
    // The fused norm adds its epsilon to the sum of squares; torch's normalize clamps the root.
    if (config_.flag("fuse_norm", true)) model_.unit_key = {schema::NormKind::l2, 1, 1e-6f};
    model_.unit_key.groups = static_cast<uint32_t>(model_.heads);
  }

  Rwkv7 read() {
    const int32_t vocabulary = config_.size("vocab_size", 32000);
    model_.embedding = weights_("model.embeddings.weight", {vocabulary, width_});
    if (config_.flag("norm_first", true)) model_.embedding_norm = norm("model.layers.0.pre_norm");
    const int32_t layers = config_.size("num_hidden_layers", 24);
    for (int32_t i = 0; i < layers; ++i) {
      model_.layers.push_back(layer("model.layers." + std::to_string(i) + ".", i == 0));
    }
    model_.norm = norm("model.norm");
    if (config_.flag("tie_word_embeddings", false)) {
      weights_.ignore("lm_head.weight");
    } else {
      model_.head = weights_("lm_head.weight", {vocabulary, width_});
    }
    weights_.require_all_used([](const std::string&) { return false; });
    return std::move(model_);
  }

 private:
  void read_heads() {
    model_.key_dim = config_.has("head_dim") || !config_.has("num_heads")
                         ? config_.size("head_dim", 64)
                         : width_ / config_.size("num_heads");
    if (model_.key_dim == 0 || width_ % model_.key_dim != 0) {
      config_.fail("head_dim", "a divisor of hidden_size, " + std::to_string(width_));
    }
    model_.heads = width_ / model_.key_dim;
    values_ = read_values();
    if (values_ % model_.heads != 0) {
      config_.fail("value_dim", "a multiple of the " + std::to_string(model_.heads) + " heads");
    }
    model_.value_dim = values_ / model_.heads;
  }

  /// One number or one per layer; since later layers mix in the values of the first, all are equal.
  int32_t read_values() const {
    if (!config_.has("value_dim")) return width_;
    if (!config_.is_list("value_dim")) return config_.size("value_dim");
    const std::vector<int32_t> values = config_.sizes("value_dim");
    for (int32_t value : values) {
      if (value != values.front()) config_.fail("value_dim", "the same for all layers");
    }
    return values.empty() ? width_ : values.front();
  }

  Weight vector(const std::string& name) { return weights_(name, {width_}); }

  Rwkv7::Affine norm(const std::string& name) {
    Rwkv7::Affine affine = {vector(name + ".weight"), {}};
    if (config_.flag("norm_bias", true)) affine.bias = vector(name + ".bias");
    return affine;
  }

  Rwkv7::LowRank low_rank(const std::string& at, int32_t outputs, bool bias) {
    const int32_t rank = weights_.matrix_shape(at + ".lora.0.weight")[0];
    Rwkv7::LowRank path = {weights_(at + ".lora.0.weight", {rank, width_}),
                           weights_(at + ".lora.2.weight", {outputs, rank}),
                           {}};
    if (bias) path.bias = weights_(at + ".lora.2.bias", {outputs});
    return path;
  }

  Rwkv7::Layer layer(const std::string& at, bool first) {
    return {norm(at + "attn_norm"),
            norm(at + "ffn_norm"),
            time_mix(at + "attn.", first),
            {vector(at + "ffn.x_k"), weights_(at + "ffn.key.weight", {feed_forward_, width_}),
             weights_(at + "ffn.value.weight", {width_, feed_forward_})}};
  }

  Rwkv7::TimeMix time_mix(const std::string& at, bool first) {
    Rwkv7::TimeMix mix;
    mix.mixes = mixes(at);
    mix.receptance = weights_(at + "r_proj.weight", {width_, width_});
    mix.key = weights_(at + "k_proj.weight", {width_, width_});
    mix.value = weights_(at + "v_proj.weight", {values_, width_});
    mix.output = weights_(at + "o_proj.weight", {width_, values_});
    mix.decay = low_rank(at + "w_lora", width_, true);
    mix.rate = low_rank(at + "a_lora", width_, true);
    mix.gate = low_rank(at + "g_lora", values_, false);
    if (!first) mix.value_mix = low_rank(at + "v_lora", values_, true);
    mix.key_key = vector(at + "k_k");
    mix.key_rate = vector(at + "k_a");
    mix.bonus = reshaped(weights_(at + "r_k", {model_.heads, model_.key_dim}), {width_});
    mix.norm = {weights_(at + "g_norm.weight", {values_}), weights_(at + "g_norm.bias", {values_})};
    return mix;
  }

  /// Early files have all six in one matrix.
  std::vector<Weight> mixes(const std::string& at) {
    std::vector<Weight> mixes;
    const std::string mix = at + "x_";
    const std::string together = mix + "x";
    for (const std::string& stream : kRwkv7Streams) {
      if (weights_.contains(together)) {
        const auto index = static_cast<int32_t>(mixes.size());
        mixes.push_back(row(weights_(together, {6, width_}), index));
      } else {
        mixes.push_back(vector(mix + stream));
      }
    }
    return mixes;
  }

  Config config_;
  WeightReader weights_;
  int32_t width_ = 0, values_ = 0, feed_forward_ = 0;
  Rwkv7 model_;
};

}  // namespace

template <>
bool recognizes<struct Rwkv7FlaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures) &&
         !source.checkpoint.contains("blocks.0.att.r_k");
}

template <>
Graph build<struct Rwkv7FlaFamily>(const Source& source) {
  return build_rwkv7(Rwkv7Fla(source).read());
}

}  // namespace linnet::convert
