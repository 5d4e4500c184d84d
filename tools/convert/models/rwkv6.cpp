// RWKV-6 "Finch" (Peng et al. 2024, arXiv:2404.05892): the equations of the time mixing, for both
// forms of checkpoint.

#include "tools/convert/models/rwkv6.h"

namespace linnet::convert {
namespace {

using schema::Activation;

class Rwkv6Builder {
 public:
  explicit Rwkv6Builder(const Rwkv6& model) : model_(model) {}

  /// o = S^T r + (r . (u * k)) v, then S = diag(w) S + k v^T.
  Value time_mix(GraphBuilder& g, const Rwkv6TimeMix& w, Value x) const {
    const std::vector<Value> streams = this->streams(g, w, x);
    const Value xr = streams[0], xw = streams[1], xk = streams[2], xv = streams[3], xg = streams[4];
    const Value r = g.linear("receptance", xr, w.receptance);
    const Value k = g.linear("key", xk, w.key);
    const Value v = g.linear("value", xv, w.value);
    const auto heads = static_cast<uint32_t>(model_.heads);
    const Value read = g.fast_weight("memory",
                                     {.query = r,
                                      .key = k,
                                      .value = v,
                                      .decay = decay(g, w, xw),
                                      .bonus = g.weight("bonus", w.bonus),
                                      .key_dim = model_.key_dim,
                                      .value_dim = model_.value_dim},
                                     {.heads = heads,
                                      .key_heads = heads,
                                      .decay = schema::DecayKind::per_key_channel,
                                      .read = schema::ReadOrder::before_write});
    const Value normed = g.norm("norm", read, {schema::NormKind::layer, heads, model_.head_epsilon},
                                w.norm.weight, w.norm.bias);
    const Value gate = g.linear("gate", xg, w.gate);
    return g.linear("output", g.elementwise("gated", normed).multiply_silu(gate).end(), w.output);
  }

 private:
  /// x + (previous - x) (m_s + tanh((x + (previous - x) m) A) B_s) for every stream s.
  std::vector<Value> streams(GraphBuilder& g, const Rwkv6TimeMix& w, Value x) const {
    const int32_t width = g.width(x);
    const Weight all = constant({width}, std::vector<float>(static_cast<size_t>(width), 1.0f));
    const std::vector<Value> shifted = g.token_shift("shift", x, {"mix", "previous"}, {w.mix, all});
    const Value difference = g.elementwise("difference", shifted[1]).subtract(x).end();
    const Value parts = g.linear("mix.down", shifted[0], w.down,
                                 {.activation = Activation::tanh, .role = WeightRole::low_rank});
    const int32_t rank = g.width(parts) / static_cast<int32_t>(kRwkv6Streams.size());
    std::vector<Value> streams;
    for (size_t i = 0; i < kRwkv6Streams.size(); ++i) {
      const std::string& name = kRwkv6Streams[i];
      const Rwkv6TimeMix::Stream& stream = w.streams[i];
      const Value part = g.view("mix.part_" + name, parts, stream.part * rank, rank);
      const Value share = g.linear("mix.up_" + name, part, stream.up,
                                   {.bias = stream.bias, .role = WeightRole::low_rank});
      streams.push_back(g.elementwise("mixed_" + name, difference).multiply(share).add(x).end());
    }
    return streams;
  }

  /// w = exp(-exp(w0 + tanh(x A) B)).
  Value decay(GraphBuilder& g, const Rwkv6TimeMix& w, Value x) const {
    const Value narrow = g.linear("decay.down", x, w.decay.down,
                                  {.activation = Activation::tanh, .role = WeightRole::decay});
    const Value rate =
        g.linear("decay.up", narrow, w.decay.up, {.bias = w.decay.bias, .role = WeightRole::decay});
    return g.elementwise("decay", rate).exp().negate().exp().end();
  }

  const Rwkv6& model_;
};

}  // namespace

Graph build_rwkv6(const Rwkv6& model) {
  const Rwkv6Builder builder(model);
  return build_rwkv(model.model, [&](GraphBuilder& g, size_t layer, Value x) {
    return builder.time_mix(g, model.time[layer], x);
  });
}

}  // namespace linnet::convert
