#include "tools/convert/models/encoder_parts.h"

#include <cmath>
#include <utility>

namespace linnet::convert {

LayerNorm read_layer_norm(WeightReader& weights, const std::string& at, int32_t width,
                          float epsilon, bool has_bias) {
  const bool is_old = !weights.contains(at + ".weight") && weights.contains(at + ".gamma");
  LayerNorm norm{weights(at + (is_old ? ".gamma" : ".weight"), {width}), {}, epsilon};
  if (has_bias) norm.bias = weights(at + (is_old ? ".beta" : ".bias"), {width});
  return norm;
}

Value layer_norm(GraphBuilder& g, const std::string& name, Value x, const LayerNorm& norm) {
  return g.norm(name, x, {schema::NormKind::layer, 1, norm.epsilon}, norm.weight, norm.bias);
}

EncoderHeads read_encoder_heads(const Config& config, const std::string& key, int32_t fallback,
                                int32_t width) {
  const int32_t heads = config.size(key, fallback);
  if (width % heads != 0) {
    config.fail(key, "a divisor of the width, which is " + std::to_string(width));
  }
  return {heads, width / heads};
}

Value encoder_attention(GraphBuilder& g, const EncoderAttention& attention, Value x) {
  const auto scope = g.scope("attention");
  const auto heads = static_cast<uint32_t>(attention.heads.heads);
  Value q = g.linear("q", x, attention.query.weight, attention.query.options());
  Value k = g.linear("k", x, attention.key.weight, attention.key.options());
  const Value v = g.linear("v", x, attention.value.weight, attention.value.options());
  if (attention.rotary.frequencies.tensor >= 0) {
    const Rotary rotary = {
        .heads = heads, .dimensions = attention.rotary.dimensions, .scale = attention.rotary.scale};
    q = g.rotary("q_rotary", q, attention.rotary.frequencies, rotary);
    k = g.rotary("k_rotary", k, attention.rotary.frequencies, rotary);
  }
  const int32_t dim = attention.heads.head_dim;
  const Value attended = g.softmax_attention(
      "softmax", {.query = q, .key = k, .value = v, .head_dim = dim, .value_dim = dim},
      {.heads = heads,
       .key_value_heads = heads,
       .scale = 1.0f / std::sqrt(static_cast<float>(dim)),
       .mask = schema::AttentionMask::all,
       .window = static_cast<uint32_t>(attention.window)});
  return g.linear("out", attended, attention.output.weight, attention.output.options());
}

Value post_norm_layer(GraphBuilder& g, const PostNormLayer& layer, Value x) {
  const Value attended = encoder_attention(g, layer.attention, x);
  x = g.elementwise("attention_residual", x).add(attended).end();
  x = layer_norm(g, "attention_norm", x, layer.attention_norm);
  const Value up = g.linear("mlp.up", x, layer.up.weight, layer.up.options(layer.activation));
  const Value down = g.linear("mlp.down", up, layer.down.weight, layer.down.options());
  x = g.elementwise("mlp_residual", x).add(down).end();
  return layer_norm(g, "mlp_norm", x, layer.output_norm);
}

Value head_transform(GraphBuilder& g, const HeadTransform& transform, Value x) {
  const Value dense = g.linear("head.dense", x, transform.dense.weight,
                               transform.dense.options(transform.activation));
  return layer_norm(g, "head.norm", dense, transform.norm);
}

Value vocabulary_logits(GraphBuilder& g, WeightReader& weights, Value x,
                        const EmbeddingTable& table, const std::string& matrix, bool tied,
                        const std::optional<Weight>& bias) {
  const LinearOptions options = {.bias = bias, .role = WeightRole::head};
  if (tied && !weights.contains(matrix)) return g.linear("logits", x, table.value, options);
  const Weight head = weights(matrix, table.weight.shape);
  if (tied && same_values(head, table.weight)) return g.linear("logits", x, table.value, options);
  return g.linear("logits", x, head, options);
}

Weight read_tied_bias(WeightReader& weights, const std::string& own, const std::string& other,
                      int32_t rows) {
  return weights(weights.contains(own) ? own : other, {rows});
}

std::string encoder_prefix(const WeightReader& weights, const std::string& prefix,
                           const std::string& probe) {
  return weights.contains(probe) && !weights.contains(prefix + "." + probe) ? "" : prefix + ".";
}

}  // namespace linnet::convert
