// RWKV-7 "Goose" (Peng et al. 2025, arXiv:2503.14456): the equations, for both forms of checkpoint.

#include "tools/convert/models/rwkv7.h"

#include <cmath>

namespace linnet::convert {
namespace {

using schema::Activation;

class Rwkv7Builder {
 public:
  Rwkv7Builder(const Rwkv7& model, Graph& graph) : model_(model), g_(graph) {}

  void build() {
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight("embedding.table", model_.embedding, WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    if (model_.embedding_norm) x = layer_norm("embedding_norm", x, *model_.embedding_norm);
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      const auto scope = g_.scope("layers." + std::to_string(i));
      x = layer(model_.layers[i], x);
    }
    x = layer_norm("norm", g_.last_rows("last", x), model_.norm);
    g_.output(g_.linear(
        "logits", x,
        model_.head ? g_.weight("logits.weight", *model_.head, WeightRole::head) : table));
  }

 private:
  Value layer_norm(const std::string& name, Value x, const Rwkv7::Affine& affine) {
    return g_.norm(name, x, {schema::NormKind::layer, 1, model_.epsilon}, affine.weight,
                   affine.bias);
  }

  Value layer(const Rwkv7::Layer& w, Value x) {
    const Value time_in = layer_norm("time_norm", x, w.time_norm);
    x = g_.elementwise("time_residual", x).add(time_mix(w.time, time_in)).end();
    const Value channel_in = layer_norm("channel_norm", x, w.channel_norm);
    return g_.elementwise("channel_residual", x).add(channel_mix(w.channel, channel_in)).end();
  }

  Value low_rank(const std::string& name, Value x, const Rwkv7::LowRank& w, Activation inner,
                 Activation outer, WeightRole role = WeightRole::low_rank) {
    const Value narrow = g_.linear(name + ".down", x, w.down, {.activation = inner, .role = role});
    return g_.linear(name + ".up", narrow, w.up,
                     {.bias = w.bias, .activation = outer, .role = role});
  }

  /// S_t = S_{t-1} (diag(w_t) - kk_t (a_t kk_t)^T) + v_t k_t^T in the paper's orientation.
  Value time_mix(const Rwkv7::TimeMix& w, Value x) {
    const auto scope = g_.scope("time");
    const std::vector<Value> shifted = g_.token_shift("shift", x, kRwkv7Streams, w.mixes);
    const Value xr = shifted[0], xw = shifted[1], xk = shifted[2];
    const Value xv = shifted[3], xa = shifted[4], xg = shifted[5];

    const Value r = g_.linear("receptance", xr, w.receptance);
    const Value decay = this->decay(w, xw);
    const Value k = g_.linear("key", xk, w.key);
    const Value v = values(w, xv);
    const Value a = low_rank("rate", xa, w.rate, Activation::none, Activation::sigmoid);
    const Value gate = low_rank("gate", xg, w.gate, Activation::sigmoid, Activation::none);

    // What is removed lies along kk; b carries the minus of S += b (S^T kk)^T.
    const Value kk = removal_key(w, k);
    const Value b = g_.elementwise("write", kk).multiply(a).negate().end();
    // k (1 + (a - 1) k_a): how much is written follows how much is removed.
    const Value written = g_.elementwise("written_key", a)
                              .add(-1.0f)
                              .multiply(g_.weight("key_rate.weight", w.key_rate))
                              .add(1.0f)
                              .multiply(k)
                              .end();

    const Value read = g_.fast_weight("memory",
                                      {.query = r,
                                       .key = written,
                                       .value = v,
                                       .decay = decay,
                                       .correct = kk,
                                       .write = b,
                                       .key_dim = model_.key_dim,
                                       .value_dim = model_.value_dim},
                                      {.heads = heads(),
                                       .key_heads = heads(),
                                       .decay = schema::DecayKind::per_key_channel,
                                       .rule = schema::WriteRule::rank_one,
                                       .correct_before_decay = true});
    return g_.linear("output", gated(w, read, r, written, v, gate), w.output);
  }

  /// w = exp(-e^-0.5 sigmoid(w0 + tanh(x W1) W2)), so that 0.545 < w < 1.
  Value decay(const Rwkv7::TimeMix& w, Value x) {
    const Value s =
        low_rank("decay", x, w.decay, Activation::tanh, Activation::sigmoid, WeightRole::decay);
    return g_.elementwise("decay", s).multiply(-std::exp(-0.5f)).exp().end();
  }

  /// Layer 0's values; elsewhere v + (v_first - v) sigmoid(v0 + x V1 V2).
  Value values(const Rwkv7::TimeMix& w, Value x) {
    const Value v = g_.linear("value", x, w.value);
    if (!w.value_mix) {
      first_values_ = v;
      return v;
    }
    const Value share =
        low_rank("value_mix", x, *w.value_mix, Activation::none, Activation::sigmoid);
    return g_.elementwise("mixed_value", first_values_).subtract(v).multiply(share).add(v).end();
  }

  Value removal_key(const Rwkv7::TimeMix& w, Value k) {
    const Value scaled =
        g_.elementwise("removal_key", k).multiply(g_.weight("key_key.weight", w.key_key)).end();
    return g_.norm("unit_removal_key", scaled, model_.unit_key);
  }

  /// (norm(read) + (sum over the head of r k r_k) v) g.
  Value gated(const Rwkv7::TimeMix& w, Value read, Value r, Value k, Value v, Value gate) {
    const Value normed =
        g_.norm("norm", read, {schema::NormKind::layer, heads(), model_.head_epsilon},
                w.norm.weight, w.norm.bias);
    const Value products = g_.elementwise("bonus_products", r)
                               .multiply(k)
                               .multiply(g_.weight("bonus.weight", w.bonus))
                               .end();
    const Value bonus = g_.group_sum("bonus", products, model_.heads);
    return g_.elementwise("gated", v).multiply(bonus).add(normed).multiply(gate).end();
  }

  Value channel_mix(const Rwkv7::ChannelMix& w, Value x) {
    const auto scope = g_.scope("channel");
    const Value shifted = g_.token_shift("shift", x, {"k"}, {w.mix}).front();
    const Value key = g_.linear("key", shifted, w.key, {.activation = model_.channel_activation});
    return g_.linear("value", key, w.value);
  }

  uint32_t heads() const { return static_cast<uint32_t>(model_.heads); }

  const Rwkv7& model_;
  GraphBuilder g_;
  Value first_values_;
};

}  // namespace

Graph build_rwkv7(const Rwkv7& model) {
  Graph graph;
  Rwkv7Builder(model, graph).build();
  graph.vocabulary = static_cast<uint32_t>(model.embedding.size(0));
  return graph;
}

}  // namespace linnet::convert
