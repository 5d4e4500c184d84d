// BlinkDL's RWKV-6 files: no config, sizes come from the tensors; matrices of low-rank paths are
// stored for x W, that is [in, out], all others for W x.

#include <stdexcept>
#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv6.h"

namespace linnet::convert {
namespace {

/// The order in which time_maa_w2 has the streams.
const std::vector<std::string> kStoredStreams = {"w", "k", "v", "r", "g"};

class Rwkv6Pth {
 public:
  explicit Rwkv6Pth(const Source& source) : path_(source.path), weights_(source.checkpoint) {
    rwkv6_.head_epsilon = rwkv_head_epsilon(source.config);
  }

  Rwkv6 read() {
    rwkv6_.model = read_rwkv_pth(weights_, "time_maa_");
    width_ = rwkv6_.model.embedding.size(1);
    const std::string first = "blocks.0.att.";
    inner_ = weights_.matrix_shape(first + "key.weight")[0];
    const Shape heads = weights_.matrix_shape(first + "time_faaaa");
    rwkv6_.heads = heads[0];
    rwkv6_.key_dim = rwkv6_.value_dim = heads[1];
    if (int64_t{heads[0]} * heads[1] != inner_) {
      throw std::runtime_error(path_ + ": tensor '" + first + "time_faaaa' should have " +
                               std::to_string(inner_) + " values, as key.weight has rows, found " +
                               shape_text(heads));
    }
    for (size_t i = 0; i < rwkv6_.model.layers.size(); ++i) {
      rwkv6_.time.push_back(time_mix("blocks." + std::to_string(i) + ".att."));
    }
    weights_.require_all_used([](const std::string&) { return false; });
    return std::move(rwkv6_);
  }

 private:
  Rwkv6TimeMix time_mix(const std::string& at) {
    const Shape inward = {inner_, width_};
    Rwkv6TimeMix mix;
    mix.mix = weights_(at + "time_maa_x", {width_});
    read_streams(at, mix);
    mix.receptance = weights_(at + "receptance.weight", inward);
    mix.key = weights_(at + "key.weight", inward);
    mix.value = weights_(at + "value.weight", inward);
    mix.gate = weights_(at + "gate.weight", inward);
    mix.output = weights_(at + "output.weight", {width_, inner_});
    const int32_t rank = weights_.matrix_shape(at + "time_decay_w1")[1];
    mix.decay = {transposed(weights_(at + "time_decay_w1", {width_, rank})),
                 transposed(weights_(at + "time_decay_w2", {rank, inner_})),
                 weights_(at + "time_decay", {inner_})};
    mix.bonus = reshaped(weights_(at + "time_faaaa", {rwkv6_.heads, rwkv6_.key_dim}), {inner_});
    mix.norm = {weights_(at + "ln_x.weight", {inner_}), weights_(at + "ln_x.bias", {inner_})};
    return mix;
  }

  void read_streams(const std::string& at, Rwkv6TimeMix& mix) {
    const auto count = static_cast<int32_t>(kStoredStreams.size());
    const int32_t ranks = weights_.matrix_shape(at + "time_maa_w1")[1];
    mix.down = transposed(weights_(at + "time_maa_w1", {width_, ranks}));
    const std::string biases = at + "time_maa_";
    for (const std::string& stream : kRwkv6Streams) {
      int32_t part = 0;
      while (kStoredStreams[static_cast<size_t>(part)] != stream) ++part;
      const Weight all = weights_(at + "time_maa_w2", {count, ranks / count, width_});
      mix.streams.push_back(
          {part, transposed(row(all, part)), weights_(biases + stream, {width_})});
    }
  }

  std::string path_;
  WeightReader weights_;
  int32_t width_ = 0, inner_ = 0;
  Rwkv6 rwkv6_;
};

}  // namespace

template <>
bool recognizes<struct Rwkv6PthFamily>(const Source& source) {
  return source.checkpoint.contains("blocks.0.att.time_maa_x");
}

template <>
Graph build<struct Rwkv6PthFamily>(const Source& source) {
  return build_rwkv6(Rwkv6Pth(source).read());
}

}  // namespace linnet::convert
