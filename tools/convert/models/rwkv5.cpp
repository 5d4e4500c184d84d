// RWKV-5 "Eagle" (Peng et al. 2024, arXiv:2404.05892) from BlinkDL's files, versions 5.0 to 5.2:
// o = S^T r + (r . (u * k)) v, then S = diag(w) S + k v^T.

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/convert/models/family.h"
#include "tools/convert/models/rwkv.h"

namespace linnet::convert {
namespace {

class Rwkv5Pth {
 public:
  explicit Rwkv5Pth(const Source& source)
      : path_(source.path), weights_(source.checkpoint), checkpoint_(source.checkpoint) {
    head_epsilon_ = rwkv_head_epsilon(source.config);
    inner_ = weights_.matrix_shape(kFirst + "key.weight")[0];
    // A decay per channel [heads, head size] is version 5.2; one per head is older.
    const auto& shape = checkpoint_.tensor(kFirst + "time_decay").shape;
    const uint64_t heads = shape.empty() ? 0 : shape[0];
    if (heads == 0 || static_cast<uint64_t>(inner_) % heads != 0) {
      throw std::runtime_error(path_ + ": tensor '" + kFirst +
                               "time_decay' should have a row for every head of " +
                               std::to_string(inner_) + " channels, found " +
                               checkpoint_.tensor(kFirst + "time_decay").shape_text());
    }
    heads_ = static_cast<int32_t>(heads);
    per_channel_ = shape.size() > 1 && shape[1] > 1;
    gated_ = weights_.contains(kFirst + "gate.weight");
  }

  Graph build() {
    const RwkvModel model = read_rwkv_pth(weights_, "time_mix_");
    width_ = model.embedding.size(1);
    Graph graph = build_rwkv(model, [this](GraphBuilder& g, size_t layer, Value x) {
      return time_mix(g, "blocks." + std::to_string(layer) + ".att.", x);
    });
    weights_.require_all_used([](const std::string&) { return false; });
    return graph;
  }

 private:
  Value time_mix(GraphBuilder& g, const std::string& at, Value x) {
    std::vector<std::string> streams = {"k", "v", "r"};
    if (gated_) streams.emplace_back("g");
    const std::string stored = at + "time_mix_";
    std::vector<Weight> mixes;
    mixes.reserve(streams.size());
    for (const std::string& stream : streams) {
      mixes.push_back(share_of_previous(weights_(stored + stream, {width_})));
    }
    const std::vector<Value> shifted = g.token_shift("shift", x, streams, mixes);
    const Shape inward = {inner_, width_};
    const Value k = g.linear("key", shifted[0], weights_(at + "key.weight", inward));
    const Value v = g.linear("value", shifted[1], weights_(at + "value.weight", inward));
    const Value r = g.linear("receptance", shifted[2], weights_(at + "receptance.weight", inward));
    const auto heads = static_cast<uint32_t>(heads_);
    const Value read = g.fast_weight(
        "memory",
        {.query = r,
         .key = k,
         .value = v,
         .decay = g.weight("decay", decay(at)),
         .bonus = g.weight("bonus", bonus(at)),
         .key_dim = inner_ / heads_,
         .value_dim = inner_ / heads_},
        {.heads = heads,
         .key_heads = heads,
         .decay = per_channel_ ? schema::DecayKind::per_key_channel : schema::DecayKind::per_head,
         .read = schema::ReadOrder::before_write});
    Value y = g.norm("norm", read, {schema::NormKind::layer, heads, head_epsilon_},
                     weights_(at + "ln_x.weight", {inner_}), weights_(at + "ln_x.bias", {inner_}));
    if (gated_) {
      const Value gate = g.linear("gate", shifted[3], weights_(at + "gate.weight", inward));
      y = g.elementwise("gated", y).multiply_silu(gate).end();
    }
    return g.linear("output", y, weights_(at + "output.weight", {width_, inner_}));
  }

  /// w = exp(-exp(stored)).
  Weight decay(const std::string& at) {
    const auto of_stored = [](float stored) { return std::exp(-std::exp(stored)); };
    const std::string name = at + "time_decay";
    if (!per_channel_) return mapped(weights_(name, {heads_}), of_stored);
    return mapped(reshaped(weights_(name, {heads_, inner_ / heads_}), {inner_}), of_stored);
  }

  /// u: per channel as it is (time_faaaa) or, in older files, its logarithm per head or channel.
  Weight bonus(const std::string& at) {
    const int32_t size = inner_ / heads_;
    const bool is_log = !weights_.contains(at + "time_faaaa");
    const std::string name = at + (is_log ? "time_first" : "time_faaaa");
    const auto& shape = checkpoint_.tensor(name).shape;
    const bool per_channel = shape.size() > 1 && shape[1] > 1;
    const Weight stored = per_channel ? reshaped(weights_(name, {heads_, size}), {inner_})
                                      : repeated_heads(weights_(name, {heads_}), heads_, size);
    return is_log ? mapped(stored, [](float u) { return std::exp(u); }) : stored;
  }

  const std::string kFirst = "blocks.0.att.";

  std::string path_;
  WeightReader weights_;
  const Checkpoint& checkpoint_;
  int32_t width_ = 0, inner_ = 0, heads_ = 0;
  bool per_channel_ = false, gated_ = false;
  float head_epsilon_ = 0;
};

}  // namespace

template <>
bool recognizes<struct Rwkv5PthFamily>(const Source& source) {
  return source.checkpoint.contains("blocks.0.att.time_mix_k") &&
         source.checkpoint.contains("blocks.0.att.ln_x.weight");
}

template <>
Graph build<struct Rwkv5PthFamily>(const Source& source) {
  return Rwkv5Pth(source).build();
}

}  // namespace linnet::convert
