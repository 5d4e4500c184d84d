#include "runtime/kernels/rotary.h"

#include <algorithm>
#include <cmath>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/rotary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// The angle in [-pi, pi] that `angle` is equal to, up to whole turns.
HWY_INLINE float reduce_angle(double angle) {
  constexpr double turn = 6.283185307179586476925;
  const double turns = angle * (1.0 / turn);
  return static_cast<float>(angle - std::nearbyint(turns) * turn);
}

void rotary_table(uint64_t position, size_t tokens, const float* frequencies, size_t pairs,
                  float scale, float* cosines, float* sines) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  HWY_ALIGN float angles[hn::MaxLanes(d)] = {};
  for (size_t t = 0; t < tokens; ++t) {
    const double place = static_cast<double>(position + t);
    for (size_t first = 0; first < pairs; first += lanes) {
      const size_t count = std::min(lanes, pairs - first);
      for (size_t i = 0; i < count; ++i) {
        angles[i] = reduce_angle(place * static_cast<double>(frequencies[first + i]));
      }
      const auto angle = hn::Load(d, angles);
      const size_t at = t * pairs + first;
      store_some(hn::Mul(factor, hn::Cos(d, angle)), d, cosines + at, count);
      store_some(hn::Mul(factor, hn::Sin(d, angle)), d, sines + at, count);
    }
  }
}

/// Channel i turns with channel i + pairs.
HWY_INLINE void turn_halves(const float* x, const float* cosines, const float* sines, size_t pairs,
                            float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < pairs; i += lanes) {
    const size_t count = std::min(lanes, pairs - i);
    const auto c = load_some(d, cosines + i, count);
    const auto s = load_some(d, sines + i, count);
    const auto x0 = load_some(d, x + i, count);
    const auto x1 = load_some(d, x + pairs + i, count);
    store_some(hn::MulSub(x0, c, hn::Mul(x1, s)), d, y + i, count);
    store_some(hn::MulAdd(x1, c, hn::Mul(x0, s)), d, y + pairs + i, count);
  }
}

/// Channel 2i turns with channel 2i + 1.
HWY_INLINE void turn_interleaved(const float* x, const float* cosines, const float* sines,
                                 size_t pairs, float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= pairs; i += lanes) {
    const auto c = hn::LoadU(d, cosines + i);
    const auto s = hn::LoadU(d, sines + i);
    hn::Vec<decltype(d)> x0, x1;
    hn::LoadInterleaved2(d, x + 2 * i, x0, x1);
    const auto y0 = hn::MulSub(x0, c, hn::Mul(x1, s));
    const auto y1 = hn::MulAdd(x1, c, hn::Mul(x0, s));
    hn::StoreInterleaved2(y0, y1, d, y + 2 * i);
  }
  const hn::CappedTag<float, 1> one;
  for (; i < pairs; ++i) {
    const auto c = hn::LoadU(one, cosines + i);
    const auto s = hn::LoadU(one, sines + i);
    const auto x0 = hn::LoadU(one, x + 2 * i);
    const auto x1 = hn::LoadU(one, x + 2 * i + 1);
    hn::StoreU(hn::MulSub(x0, c, hn::Mul(x1, s)), one, y + 2 * i);
    hn::StoreU(hn::MulAdd(x1, c, hn::Mul(x0, s)), one, y + 2 * i + 1);
  }
}

void rotary(const RotaryArguments& a) {
  for (size_t t = 0; t < a.tokens; ++t) {
    const float* cosines = a.cosines + t * a.pairs;
    const float* sines = a.sines + t * a.pairs;
    for (size_t head = 0; head < a.heads; ++head) {
      const float* x = a.x[t] + head * a.head_dim;
      float* y = a.y[t] + head * a.head_dim;
      if (a.style == RotaryStyle::halves) {
        turn_halves(x, cosines, sines, a.pairs, y);
      } else {
        turn_interleaved(x, cosines, sines, a.pairs, y);
      }
      if (x != y) std::copy_n(x + 2 * a.pairs, a.head_dim - 2 * a.pairs, y + 2 * a.pairs);
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(rotary_table);
HWY_EXPORT(rotary);

void rotary_table(uint64_t position, size_t tokens, const float* frequencies, size_t pairs,
                  float scale, float* cosines, float* sines) {
  HWY_DYNAMIC_DISPATCH(rotary_table)(position, tokens, frequencies, pairs, scale, cosines, sines);
}

void rotary(const RotaryArguments& arguments) { HWY_DYNAMIC_DISPATCH(rotary)(arguments); }

}  // namespace linnet::kernels
#endif
