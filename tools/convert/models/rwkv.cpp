// What RWKV-4 (Peng et al. 2023, arXiv:2305.13048), 5 and 6 (Peng et al. 2024, arXiv:2404.05892)
// share: layer norms, token shift, channel mixing.

#include "tools/convert/models/rwkv.h"

#include "tools/convert/models/config.h"

namespace linnet::convert {
namespace {

class RwkvBuilder {
 public:
  RwkvBuilder(const RwkvModel& model, const RwkvTimeMix& time_mix, Graph& graph)
      : model_(model), time_mix_(time_mix), g_(graph) {}

  void build() {
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight("embedding.table", model_.embedding, WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    if (model_.embedding_norm) x = layer_norm("embedding_norm", x, *model_.embedding_norm);
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      const auto scope = g_.scope("layers." + std::to_string(i));
      x = layer(i, x);
    }
    x = g_.norm("norm", g_.last_rows("last", x), {schema::NormKind::layer, 1, model_.norm_epsilon},
                model_.norm.weight, model_.norm.bias);
    g_.output(g_.linear(
        "logits", x,
        model_.head ? g_.weight("logits.weight", *model_.head, WeightRole::head) : table));
  }

 private:
  Value layer_norm(const std::string& name, Value x, const RwkvModel::Affine& affine) {
    return g_.norm(name, x, {schema::NormKind::layer, 1, model_.epsilon}, affine.weight,
                   affine.bias);
  }

  Value layer(size_t index, Value x) {
    const RwkvModel::Layer& w = model_.layers[index];
    x = g_.elementwise("time_residual", x)
            .add(time_mixed(index, layer_norm("time_norm", x, w.time_norm)))
            .end();
    auto residual =
        g_.elementwise("channel_residual", x)
            .add(channel_mixed(w.channel, layer_norm("channel_norm", x, w.channel_norm)));
    const bool halves =
        model_.halve_every > 0 && (index + 1) % static_cast<size_t>(model_.halve_every) == 0;
    if (halves) residual.multiply(0.5f);
    return residual.end();
  }

  Value time_mixed(size_t index, Value x) {
    const auto scope = g_.scope("time");
    return time_mix_(g_, index, x);
  }

  /// sigmoid(x_r W_r) (activation(x_k W_k) W_v).
  Value channel_mixed(const RwkvModel::ChannelMix& w, Value x) {
    const auto scope = g_.scope("channel");
    const std::vector<Value> shifted =
        g_.token_shift("shift", x, {"k", "r"}, {w.key_mix, w.receptance_mix});
    const Value key =
        g_.linear("key", shifted[0], w.key, {.activation = model_.channel_activation});
    const Value value = g_.linear("value", key, w.value);
    const Value receptance = g_.linear("receptance", shifted[1], w.receptance);
    return g_.elementwise("gated", value).multiply_sigmoid(receptance).end();
  }

  const RwkvModel& model_;
  const RwkvTimeMix& time_mix_;
  GraphBuilder g_;
};

}  // namespace

Graph build_rwkv(const RwkvModel& model, const RwkvTimeMix& time_mix) {
  Graph graph;
  RwkvBuilder(model, time_mix, graph).build();
  graph.vocabulary = static_cast<uint32_t>(model.embedding.size(0));
  return graph;
}

Weight share_of_previous(Weight stored) {
  return mapped(std::move(stored), [](float m) { return 1.0f - m; });
}

RwkvModel read_rwkv_pth(WeightReader& weights, const std::string& mix) {
  const Shape table = weights.matrix_shape("emb.weight");
  const int32_t width = table[1];
  const int32_t feed_forward = weights.matrix_shape("blocks.0.ffn.key.weight")[0];
  const auto affine = [&](const std::string& name) {
    return RwkvModel::Affine{weights(name + ".weight", {width}), weights(name + ".bias", {width})};
  };
  const auto share = [&](const std::string& name) {
    Weight stored = weights(name, {width});
    return mix == "time_mix_" ? share_of_previous(std::move(stored)) : stored;
  };
  RwkvModel model;
  model.embedding = weights("emb.weight", table);
  model.embedding_norm = affine("blocks.0.ln0");
  const int32_t layers = weights.count_layers("blocks.");
  for (int32_t i = 0; i < layers; ++i) {
    const std::string at = "blocks." + std::to_string(i) + ".";
    const std::string ffn = at + "ffn.";
    model.layers.push_back({affine(at + "ln1"),
                            affine(at + "ln2"),
                            {share(ffn + mix + "k"), share(ffn + mix + "r"),
                             weights(ffn + "key.weight", {feed_forward, width}),
                             weights(ffn + "value.weight", {width, feed_forward}),
                             weights(ffn + "receptance.weight", {width, width})}});
  }
  model.norm = affine("ln_out");
  model.head = weights("head.weight", table);
  return model;
}

float rwkv_head_epsilon(const std::optional<Config>& config) {
  // The training code divides the output by 8 before a norm with 1e-5.
  const double divisor = config ? config->number("head_size_divisor", 8) : 8;
  const double epsilon = 1e-5 * divisor * divisor;
  return static_cast<float>(config ? config->number("ln_x_eps", epsilon) : epsilon);
}

}  // namespace linnet::convert
