// BlinkDL's RWKV-7 files: no config, sizes come from the tensors; matrices of low-rank paths are
// stored for x W, that is [in, out], all others for W x.

#include <stdexcept>
#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv7.h"

namespace linnet::convert {
namespace {

class Rwkv7Pth {
 public:
  explicit Rwkv7Pth(const Source& source) : path_(source.path), weights_(source.checkpoint) {
    const Shape table = weights_.matrix_shape("emb.weight");
    const Shape heads = weights_.matrix_shape("blocks.0.att.r_k");
    vocabulary_ = table[0];
    width_ = table[1];
    feed_forward_ = weights_.matrix_shape("blocks.0.ffn.key.weight")[0];
    model_.heads = heads[0];
    model_.key_dim = model_.value_dim = heads[1];
    if (int64_t{heads[0]} * heads[1] != width_) {
      throw std::runtime_error(path_ + ": tensor 'blocks.0.att.r_k' should have " +
                               std::to_string(width_) +
                               " values, as emb.weight has columns, found " + shape_text(heads));
    }
    model_.unit_key.groups = static_cast<uint32_t>(model_.heads);
    if (source.config) {
      model_.head_epsilon = static_cast<float>(source.config->number("ln_x_eps", 64e-5));
    }
  }

  Rwkv7 read() {
    model_.embedding = weights_("emb.weight", {vocabulary_, width_});
    model_.embedding_norm = affine("blocks.0.ln0");
    const int32_t layers = weights_.count_layers("blocks.");
    for (int32_t i = 0; i < layers; ++i) {
      model_.layers.push_back(layer("blocks." + std::to_string(i) + ".", i == 0));
    }
    model_.norm = affine("ln_out");
    model_.head = weights_("head.weight", {vocabulary_, width_});
    weights_.require_all_used([](const std::string&) { return false; });
    return std::move(model_);
  }

 private:
  Weight vector(const std::string& name) { return weights_(name, {width_}); }

  Rwkv7::Affine affine(const std::string& name) {
    return {vector(name + ".weight"), vector(name + ".bias")};
  }

  Rwkv7::LowRank low_rank(const std::string& at, const std::string& letter, bool bias) {
    const int32_t rank = weights_.matrix_shape(at + letter + "1")[1];
    Rwkv7::LowRank path = {transposed(weights_(at + letter + "1", {width_, rank})),
                           transposed(weights_(at + letter + "2", {rank, width_})),
                           {}};
    if (bias) path.bias = vector(at + letter + "0");
    return path;
  }

  Rwkv7::Layer layer(const std::string& at, bool first) {
    return {affine(at + "ln1"),
            affine(at + "ln2"),
            time_mix(at + "att.", first),
            {vector(at + "ffn.x_k"), weights_(at + "ffn.key.weight", {feed_forward_, width_}),
             weights_(at + "ffn.value.weight", {width_, feed_forward_})}};
  }

  Rwkv7::TimeMix time_mix(const std::string& at, bool first) {
    const Shape square = {width_, width_};
    Rwkv7::TimeMix mix;
    const std::string stored = at + "x_";
    for (const std::string& stream : kRwkv7Streams) mix.mixes.push_back(vector(stored + stream));
    mix.receptance = weights_(at + "receptance.weight", square);
    mix.key = weights_(at + "key.weight", square);
    mix.value = weights_(at + "value.weight", square);
    mix.output = weights_(at + "output.weight", square);
    mix.decay = low_rank(at, "w", true);
    mix.rate = low_rank(at, "a", true);
    mix.gate = low_rank(at, "g", false);
    if (first) {
      // Some files have them in block 0 too, where nothing uses them.
      for (const char* name : {"v0", "v1", "v2"}) weights_.ignore(at + name);
    } else {
      mix.value_mix = low_rank(at, "v", true);
    }
    mix.key_key = vector(at + "k_k");
    mix.key_rate = vector(at + "k_a");
    mix.bonus = reshaped(weights_(at + "r_k", {model_.heads, model_.key_dim}), {width_});
    mix.norm = affine(at + "ln_x");
    return mix;
  }

  std::string path_;
  WeightReader weights_;
  int32_t vocabulary_ = 0, width_ = 0, feed_forward_ = 0;
  Rwkv7 model_;
};

}  // namespace

template <>
bool recognizes<struct Rwkv7PthFamily>(const Source& source) {
  return source.checkpoint.contains("blocks.0.att.r_k");
}

template <>
Graph build<struct Rwkv7PthFamily>(const Source& source) {
  return build_rwkv7(Rwkv7Pth(source).read());
}

}  // namespace linnet::convert
