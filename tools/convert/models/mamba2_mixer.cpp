#include "tools/convert/models/mamba2_mixer.h"

#include <cmath>
#include <vector>

namespace linnet::convert {
namespace {

/// Each linear part of the projection with its own factor.
Affine part(const Affine& whole, int32_t first, int32_t count, double in, double factor) {
  Affine rows = row_range(whole, first, count);
  rows.weight = scaled(std::move(rows.weight), in * factor);
  if (rows.bias) rows.bias = scaled(std::move(*rows.bias), factor);
  return rows;
}

Affine below(const std::vector<Affine>& parts) {
  std::vector<Weight> weights;
  std::vector<Weight> biases;
  for (const Affine& one : parts) {
    weights.push_back(one.weight);
    if (one.bias) biases.push_back(*one.bias);
  }
  Affine all{stacked(std::move(weights)), {}};
  if (!biases.empty()) all.bias = stacked(std::move(biases));
  return all;
}

Value step_size(GraphBuilder& g, const Mamba2Mixer& mixer, Value x) {
  const Value raw = g.linear("step", x, mixer.step.weight,
                             mixer.step.options(schema::Activation::none, WeightRole::gate));
  ElementwiseChain step = g.elementwise("step_size", raw);
  step.softplus();
  if (mixer.least_step > 0) step.maximum(static_cast<float>(mixer.least_step));
  if (std::isfinite(mixer.largest_step)) step.minimum(static_cast<float>(mixer.largest_step));
  return step.end();
}

Value gated(GraphBuilder& g, const Mamba2Mixer& mixer, Value y, Value gate) {
  const auto normed = [&](Value value) {
    return g.norm("norm", value, {schema::NormKind::rms, mixer.norm_groups, mixer.norm_epsilon},
                  mixer.norm_weight);
  };
  if (mixer.norm == Mamba2Mixer::Norm::before_gate) y = normed(y);
  y = g.elementwise("gated", y).multiply_silu(gate).end();
  return mixer.norm == Mamba2Mixer::Norm::after_gate ? normed(y) : y;
}

}  // namespace

Value mamba2_mixer(GraphBuilder& g, const Mamba2Mixer& mixer, Value x) {
  const auto scope = g.scope("mamba2");
  const int32_t keys = mixer.groups * mixer.states;
  const Value gate = g.linear("gate", x, mixer.gate.weight, mixer.gate.options());
  const Value mixed = g.linear("mixed", x, mixer.mixed.weight, mixer.mixed.options());
  const Value dt = step_size(g, mixer, x);
  const Value convolved = g.causal_conv("convolution", mixed, mixer.convolution, mixer.activation,
                                        mixer.convolution_bias);
  const Value values = g.view("x", convolved, 0, mixer.inner);
  const Value rate =
      g.weight("decay.rate", mapped(mixer.a_log, [](float a_log) { return -std::exp(a_log); }));
  const Value memory =
      g.fast_weight("memory",
                    {.query = g.view("c", convolved, mixer.inner + keys, keys),
                     .key = g.view("b", convolved, mixer.inner, keys),
                     .value = g.elementwise("value", values).multiply(dt).end(),
                     .decay = g.elementwise("decay", dt).multiply(rate).exp().end(),
                     .key_dim = mixer.states,
                     .value_dim = mixer.inner / mixer.heads},
                    {.heads = static_cast<uint32_t>(mixer.heads),
                     .key_heads = static_cast<uint32_t>(mixer.groups),
                     .decay = schema::DecayKind::per_head});
  const Value skip = g.weight("skip", mixer.skip);
  const Value y = g.elementwise("skipped", values).multiply(skip).add(memory).end();
  return g.linear("out", gated(g, mixer, y, gate), mixer.output.weight, mixer.output.options());
}

void read_mamba2_weights(WeightReader& weights, const std::string& at, const Mamba2Layout& layout,
                         Mamba2Mixer& mixer) {
  const int32_t inner = mixer.inner;
  const int32_t keys = mixer.groups * mixer.states;
  const int32_t mixed = mixer.mixed_width();
  const Affine whole = read_affine(weights, at + "in_proj", inner + mixed + mixer.heads,
                                   layout.width, layout.in_bias);
  mixer.gate = part(whole, 0, inner, layout.in, layout.gate);
  mixer.mixed = below({part(whole, inner, inner, layout.in, layout.x),
                       part(whole, 2 * inner, keys, layout.in, layout.b),
                       part(whole, 2 * inner + keys, keys, layout.in, layout.c)});
  mixer.step = part(whole, inner + mixed, mixer.heads, layout.in, layout.step);
  const Weight dt_bias = weights(at + "dt_bias", {mixer.heads});
  mixer.step.bias = mixer.step.bias ? sum(*mixer.step.bias, dt_bias) : dt_bias;
  mixer.convolution = transposed(weights(at + "conv1d.weight", {mixed, layout.kernel}));
  if (layout.convolution_bias) mixer.convolution_bias = weights(at + "conv1d.bias", {mixed});
  mixer.a_log = weights(at + "A_log", {mixer.heads});
  mixer.skip = weights(at + "D", {layout.skip_per_channel ? inner : mixer.heads});
  if (mixer.norm != Mamba2Mixer::Norm::none) {
    mixer.norm_weight = weights(at + "norm.weight", {inner});
  }
  mixer.output = scaled(read_affine(weights, at + "out_proj", layout.width, inner, layout.out_bias),
                        layout.out);
}

Mamba2Mixer read_mamba2_sizes(const Config& config, int32_t inner) {
  Mamba2Mixer mixer;
  mixer.inner = inner;
  mixer.heads = config.size("mamba_n_heads", 128);
  mixer.groups = config.size("mamba_n_groups", 1);
  mixer.states = config.size("mamba_d_state", 256);
  config.product("mamba_n_groups", mixer.groups, "mamba_d_state", mixer.states);
  if (inner % mixer.heads != 0) {
    config.fail("mamba_n_heads", "a divisor of the inner width " + std::to_string(inner));
  }
  if (mixer.heads % mixer.groups != 0) {
    config.fail("mamba_n_heads", "a multiple of mamba_n_groups");
  }
  const bool named = config.has("mamba_d_head") && !config.is_text("mamba_d_head");
  if (named && config.size("mamba_d_head") != inner / mixer.heads) {
    config.fail("mamba_d_head", "the inner width " + std::to_string(inner) + " / mamba_n_heads");
  }
  const std::vector<double> limit =
      config.numbers("time_step_limit", {mixer.least_step, mixer.largest_step});
  mixer.least_step = limit[0];
  mixer.largest_step = limit[1];
  if (!(mixer.least_step <= mixer.largest_step)) {
    config.fail("time_step_limit", "a least and a largest number");
  }
  return mixer;
}

}  // namespace linnet::convert
