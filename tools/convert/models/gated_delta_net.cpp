#include "tools/convert/models/gated_delta_net.h"

#include <cmath>

namespace linnet::convert {
namespace {

Value decay(GraphBuilder& g, const GatedDeltaNet& net, Value x) {
  const Value a = g.linear("a", x, net.a, {.bias = net.dt_bias, .role = WeightRole::gate});
  const Value rate =
      g.weight("decay.rate", mapped(net.a_log, [](float a_log) { return -std::exp(a_log); }));
  return g.elementwise("decay", a).softplus().multiply(rate).exp().end();
}

Value write_strength(GraphBuilder& g, const GatedDeltaNet& net, Value x) {
  const Value beta = g.linear(
      "beta", x, net.beta, {.activation = schema::Activation::sigmoid, .role = WeightRole::gate});
  if (net.beta_scale == 1) return beta;
  return g.elementwise("beta_scaled", beta).multiply(net.beta_scale).end();
}

}  // namespace

Value gated_delta_net(GraphBuilder& g, const GatedDeltaNet& net, Value x) {
  const auto scope = g.scope("linear_attention");
  const int32_t keys = net.keys();
  const auto key_heads = static_cast<uint32_t>(net.key_heads);
  const auto heads = static_cast<uint32_t>(net.value_heads);

  const Value qkv = g.linear("qkv", x, net.qkv);
  const Value z = g.linear("z", x, net.z);
  const Value convolved =
      g.causal_conv("convolution", qkv, net.convolution, schema::Activation::silu);
  const Value unit_qk = g.norm("qk_norm", g.view("qk", convolved, 0, 2 * keys),
                               {schema::NormKind::l2, 2 * key_heads, 1e-6f});
  const Value output = g.fast_weight("memory",
                                     {.query = g.view("q", unit_qk, 0, keys),
                                      .key = g.view("k", unit_qk, keys, keys),
                                      .value = g.view("v", convolved, 2 * keys, net.values()),
                                      .decay = decay(g, net, x),
                                      .beta = write_strength(g, net, x),
                                      .key_dim = net.key_dim,
                                      .value_dim = net.value_dim},
                                     {.heads = heads,
                                      .key_heads = key_heads,
                                      .decay = schema::DecayKind::per_head,
                                      .rule = schema::WriteRule::delta,
                                      .scale = 1.0f / std::sqrt(static_cast<float>(net.key_dim))});
  const Value normed =
      g.norm("norm", output, {schema::NormKind::rms, heads, net.norm_epsilon}, net.norm);
  return g.linear("out", g.elementwise("gated", normed).multiply_silu(z).end(), net.out);
}

}  // namespace linnet::convert
