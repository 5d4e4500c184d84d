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

/// The sums of a vector of channels: values and weights, both in units of e^exponent.
struct Sums {
  ChannelVec values;
  ChannelVec weights;
  ChannelVec exponent;
};

/// The sums with one more value, whose weight is e^exponent.
HWY_INLINE Sums with_value(const Sums& sums, ChannelVec value, ChannelVec exponent) {
  const Channels d;
  const auto unit = hn::Max(sums.exponent, exponent);
  const auto before = exp_all(d, hn::Sub(sums.exponent, unit));
  const auto now = exp_all(d, hn::Sub(exponent, unit));
  return {hn::MulAdd(before, sums.values, hn::Mul(now, value)),
          hn::MulAdd(before, sums.weights, now), unit};
}

/// `n` channels from `c` on, through all tokens.
HWY_INLINE void wkv_channels(const WkvArguments& a, size_t c, size_t n) {
  const Channels d;
  const auto decay = hn::LoadN(d, a.decay + c, n);
  const auto bonus = hn::LoadN(d, a.bonus + c, n);
  Sums sums = {hn::LoadN(d, a.state[0] + c, n), hn::LoadN(d, a.state[1] + c, n),
               hn::LoadN(d, a.state[2] + c, n)};
  sums.exponent =
      hn::IfThenElse(hn::Eq(sums.weights, hn::Zero(d)), hn::Set(d, empty_exponent), sums.exponent);
  for (size_t t = 0; t < a.tokens; ++t) {
    const auto key = hn::LoadN(d, a.key[t] + c, n);
    const auto value = hn::LoadN(d, a.value[t] + c, n);
    const Sums read = with_value(sums, value, hn::Add(bonus, key));
    hn::StoreN(hn::Div(read.values, read.weights), d, a.output[t] + c, n);
    sums.exponent = hn::Add(sums.exponent, decay);
    sums = with_value(sums, value, key);
  }
  if (a.tokens == 0) return;
  hn::StoreN(sums.values, d, a.state[0] + c, n);
  hn::StoreN(sums.weights, d, a.state[1] + c, n);
  hn::StoreN(sums.exponent, d, a.state[2] + c, n);
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
