// RWKV-6 as flash-linear-attention stores it, a Hugging Face folder.

#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv6.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"rwkv6"};
constexpr const char* kArchitectures[] = {"RWKV6ForCausalLM"};

schema::Activation read_activation(const Config& config) {
  config.require_one_of("hidden_act", {"sqrelu", "relu", "silu", "swish", "sigmoid"});
  const std::string name = config.text("hidden_act", "sqrelu");
  if (name == "sqrelu") return schema::Activation::squared_relu;
  if (name == "relu") return schema::Activation::relu;
  return name == "sigmoid" ? schema::Activation::sigmoid : schema::Activation::silu;
}

class Rwkv6Fla {
 public:
  explicit Rwkv6Fla(const Source& source) : config_(*source.config), weights_(source.checkpoint) {
    if (config_.has("attn"))
      config_.fail("attn", "null: layers of softmax attention are not known");
    width_ = config_.size("hidden_size", 2048);
    rwkv6_.heads = config_.size("num_heads", 4);
    rwkv6_.key_dim = head_size("expand_k", 0.5);
    rwkv6_.value_dim = head_size("expand_v", 1);
    keys_ = rwkv6_.heads * rwkv6_.key_dim;
    values_ = rwkv6_.heads * rwkv6_.value_dim;
    feed_forward_ = read_feed_forward();
    const auto epsilon = static_cast<float>(config_.number("norm_eps", 1e-5));
    rwkv6_.model.epsilon = rwkv6_.model.norm_epsilon = rwkv6_.head_epsilon = epsilon;
    rwkv6_.model.channel_activation = read_activation(config_);
  }

  Rwkv6 read() {
    RwkvModel& model = rwkv6_.model;
    const Shape table = {config_.size("vocab_size", 32000), width_};
    model.embedding = weights_("model.embeddings.weight", table);
    if (config_.flag("norm_first", true)) model.embedding_norm = norm("model.layers.0.pre_norm");
    const int32_t layers = config_.size("num_hidden_layers", 24);
    for (int32_t i = 0; i < layers; ++i) {
      const std::string at = "model.layers." + std::to_string(i) + ".";
      model.layers.push_back({norm(at + "attn_norm"), norm(at + "ffn_norm"), channel_mix(at)});
      rwkv6_.time.push_back(time_mix(at + "attn."));
    }
    model.norm = norm("model.norm");
    if (config_.flag("tie_word_embeddings", false)) {
      weights_.ignore("lm_head.weight");
    } else {
      model.head = weights_("lm_head.weight", table);
    }
    weights_.require_all_used([](const std::string&) { return false; });
    return std::move(rwkv6_);
  }

 private:
  /// int(hidden_size * factor) / num_heads, which must be whole.
  int32_t head_size(const std::string& key, double fallback) const {
    const double factor = config_.number(key, fallback);
    const auto size = static_cast<int64_t>(factor > 0 && factor <= 64 ? width_ * factor : 0);
    if (size == 0 || size > (1 << 24) || size % rwkv6_.heads != 0) {
      config_.fail(key, "a factor of hidden_size whose product num_heads divides");
    }
    return static_cast<int32_t>(size / rwkv6_.heads);
  }

  /// The default is rounded up to a multiple of 32.
  int32_t read_feed_forward() const {
    if (config_.has("intermediate_size")) return config_.size("intermediate_size");
    const double ratio = config_.number("hidden_ratio", 3.5);
    if (!(ratio > 0 && ratio <= 64)) config_.fail("hidden_ratio", "a number up to 64");
    return (static_cast<int32_t>(width_ * ratio) + 31) / 32 * 32;
  }

  RwkvModel::Affine norm(const std::string& name) {
    RwkvModel::Affine affine = {weights_(name + ".weight", {width_}), {}};
    if (config_.flag("norm_bias", true)) affine.bias = weights_(name + ".bias", {width_});
    return affine;
  }

  RwkvModel::ChannelMix channel_mix(const std::string& layer) {
    const std::string at = layer + "ffn.";
    return {weights_(at + "key.mu", {width_}), weights_(at + "receptance.mu", {width_}),
            weights_(at + "key.linear.weight", {feed_forward_, width_}),
            weights_(at + "value.weight", {width_, feed_forward_}),
            weights_(at + "receptance.linear.weight", {width_, width_})};
  }

  Rwkv6TimeMix time_mix(const std::string& at) {
    const auto matrix = [&](const std::string& name, int32_t outputs) {
      return weights_(at + name + "_proj.linear.weight", {outputs, width_});
    };
    Rwkv6TimeMix mix;
    mix.mix = weights_(at + "x_proj.0.mu", {width_});
    read_streams(at, mix);
    mix.receptance = matrix("r", keys_);
    mix.key = matrix("k", keys_);
    mix.value = matrix("v", values_);
    mix.gate = matrix("g", values_);
    mix.output = weights_(at + "o_proj.weight", {width_, values_});
    const std::string lora = at + "w_proj.linear.lora.";
    const int32_t rank = weights_.matrix_shape(lora + "0.weight")[0];
    mix.decay = {weights_(lora + "0.weight", {rank, width_}),
                 weights_(lora + "2.weight", {keys_, rank}), weights_(lora + "2.bias", {keys_})};
    mix.bonus = reshaped(weights_(at + "bonus", {rwkv6_.heads, rwkv6_.key_dim}), {keys_});
    mix.norm = {weights_(at + "g_norm.weight", {values_}), weights_(at + "g_norm.bias", {values_})};
    return mix;
  }

  /// The columns of x_proj.2 are the parts of the streams, one after another.
  void read_streams(const std::string& at, Rwkv6TimeMix& mix) {
    const auto count = static_cast<int32_t>(kRwkv6Streams.size());
    const int32_t ranks = weights_.matrix_shape(at + "x_proj.0.linear.weight")[0];
    const int32_t rank = ranks / count;
    mix.down = weights_(at + "x_proj.0.linear.weight", {rank * count, width_});
    for (int32_t part = 0; part < count; ++part) {
      const Weight columns = transposed(weights_(at + "x_proj.2.weight", {width_, rank * count}));
      mix.streams.push_back({part, transposed(row_range(columns, part * rank, rank)),
                             row(weights_(at + "x_bias", {count, width_}), part)});
    }
  }

  Config config_;
  WeightReader weights_;
  int32_t width_ = 0, keys_ = 0, values_ = 0, feed_forward_ = 0;
  Rwkv6 rwkv6_;
};

}  // namespace

template <>
bool recognizes<struct Rwkv6FlaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures) &&
         source.checkpoint.contains("model.embeddings.weight");
}

template <>
Graph build<struct Rwkv6FlaFamily>(const Source& source) {
  return build_rwkv6(Rwkv6Fla(source).read());
}

}  // namespace linnet::convert
