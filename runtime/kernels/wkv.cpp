#include "runtime/kernels/wkv.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/wkv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

using Channels = hn::ScalableTag<float>;
using ChannelVec = hn::Vec<Channels>;

/// Below every exponent that a token can have, and far enough from the least float to be decayed.
constexpr float empty_exponent = -1e38f;

/// Adds a value whose weight is e^weight_exponent to the sums of a vector of channels: values and
/// weights, both in units of e^exponent. (No struct: some vectors cannot be members.)
HWY_INLINE void add_value(ChannelVec value, ChannelVec weight_exponent, ChannelVec& values,
                          ChannelVec& weights, ChannelVec& exponent) {
  const Channels d;
  const auto unit = hn::Max(exponent, weight_exponent);
  const auto before = exp_all(d, hn::Sub(exponent, unit));
  const auto now = exp_all(d, hn::Sub(weight_exponent, unit));
  values = hn::MulAdd(before, values, hn::Mul(now, value));
  weights = hn::MulAdd(before, weights, now);
  exponent = unit;
}

/// `n` channels from `c` on, through all tokens.
HWY_INLINE void wkv_channels(const WkvArguments& a, size_t c, size_t n) {
  const Channels d;
  const auto decay = load_some(d, a.decay + c, n);
  const auto bonus = load_some(d, a.bonus + c, n);
  auto values = load_some(d, a.state[0] + c, n);
  auto weights = load_some(d, a.state[1] + c, n);
  auto exponent = load_some(d, a.state[2] + c, n);
  exponent = hn::IfThenElse(hn::Eq(weights, hn::Zero(d)), hn::Set(d, empty_exponent), exponent);
  for (size_t t = 0; t < a.tokens; ++t) {
    const auto key = load_some(d, a.key[t] + c, n);
    const auto value = load_some(d, a.value[t] + c, n);
    auto read_values = values, read_weights = weights, read_exponent = exponent;
    add_value(value, hn::Add(bonus, key), read_values, read_weights, read_exponent);
    store_some(hn::Div(read_values, read_weights), d, a.output[t] + c, n);
    exponent = hn::Add(exponent, decay);
    add_value(value, key, values, weights, exponent);
  }
  if (a.tokens == 0) return;
  store_some(values, d, a.state[0] + c, n);
  store_some(weights, d, a.state[1] + c, n);
  store_some(exponent, d, a.state[2] + c, n);
}

void wkv(const WkvArguments& arguments, size_t first, size_t count) {
  const size_t lanes = hn::Lanes(Channels());
  for (size_t c = 0; c < count; c += lanes) {
    wkv_channels(arguments, first + c, std::min(lanes, count - c));
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(wkv);

void wkv(const WkvArguments& arguments, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(wkv)(arguments, first, count);
}

}  // namespace linnet::kernels
#endif
