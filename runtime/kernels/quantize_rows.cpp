#include "runtime/kernels/quantize_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/quantize_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

constexpr size_t most_lanes = 16;
using Floats = hn::CappedTag<float, most_lanes>;
using Ints = hn::Rebind<int32_t, Floats>;

/// The bits of the largest magnitude: those of what is not a number exceed all others.
HWY_INLINE uint32_t largest_bits(const float* x, size_t count) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(du);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    largest = hn::Max(largest, hn::BitCast(du, hn::Abs(hn::LoadU(d, x + i))));
  if (i < count)
    largest = hn::Max(largest, hn::BitCast(du, hn::Abs(load_rest(d, x + i, count - i))));
  return hn::ReduceMax(du, largest);
}

/// As many values as a vector has lanes: their high and low bytes, by fours.
template <class Vector>
HWY_INLINE void store_bytes(Vector x, hn::Vec<Floats> inverse, uint8_t* q) {
  const Ints di;
  const hn::RebindToUnsigned<Ints> du;
  const hn::Rebind<uint8_t, Ints> bytes;
  const hn::Repartition<uint32_t, decltype(bytes)> fours;
  const auto nearest = hn::NearestInt(hn::Mul(x, inverse));
  const auto value = hn::BitCast(du, hn::Add(nearest, hn::Set(di, 32768)));
  const auto high = hn::BitCast(fours, hn::TruncateTo(bytes, hn::ShiftRight<8>(value)));
  const auto low = hn::BitCast(fours, hn::TruncateTo(bytes, value));
  hn::StoreInterleaved2(high, low, fours, reinterpret_cast<uint32_t*>(q));
}

float quantize_int16(const float* x, size_t count, uint8_t* q) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const uint32_t bits = largest_bits(x, count);
  float largest;
  std::memcpy(&largest, &bits, sizeof largest);
  constexpr float steps = 32767.0f, smallest = 1e-30f;
  // Below it the inverse could be infinite. What is not a number stays so.
  const bool is_zero = largest < smallest;
  const auto inverse = hn::Set(d, is_zero ? 0.0f : steps / largest);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) store_bytes(hn::LoadU(d, x + i), inverse, q + 2 * i);
  if (i < count) {
    HWY_ALIGN uint8_t last[2 * most_lanes];
    store_bytes(load_rest(d, x + i, count - i), inverse, last);
    std::memcpy(q + 2 * i, last, Int16Rows::row_bytes(count) - 2 * i);
  }
  return is_zero ? 0.0f : largest / steps;
}

struct Range {
  float smallest, largest;
};

/// The range of values and 0.
HWY_INLINE Range range_of(const float* x, size_t count) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  auto smallest = hn::Zero(d);
  auto largest = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto values = hn::LoadU(d, x + i);
    smallest = hn::Min(smallest, values);
    largest = hn::Max(largest, values);
  }
  if (i < count) {
    const auto values = load_rest(d, x + i, count - i);
    smallest = hn::Min(smallest, values);
    largest = hn::Max(largest, values);
  }
  return {hn::ReduceMin(d, smallest), hn::ReduceMax(d, largest)};
}

/// As many values as a vector has lanes.
template <class Vector>
HWY_INLINE auto to_bytes(Vector x, hn::Vec<Floats> inverse, hn::Vec<Ints> zero_point) {
  const hn::Rebind<int8_t, Ints> bytes;
  return hn::DemoteTo(bytes, hn::Add(hn::NearestInt(hn::Mul(x, inverse)), zero_point));
}

Int8Rows::Parameters quantize_int8(const float* x, size_t count, int8_t* q) {
  const Floats d;
  const Ints di;
  const hn::Rebind<int8_t, Ints> bytes;
  const size_t lanes = hn::Lanes(d);
  const Range range = range_of(x, count);
  const uint32_t bits = largest_bits(x, count);
  float magnitude;
  std::memcpy(&magnitude, &bits, sizeof magnitude);
  if (!std::isfinite(magnitude)) {  // every product is not a number, or is infinite
    std::fill_n(q, count, int8_t{1});
    return {.zero_point = 0, .scale = magnitude};
  }
  constexpr float steps = 255.0f, smallest = 1e-30f;
  // Halved, so that no range overflows. Below the smallest the inverse could be infinite.
  const float half = range.largest * 0.5f - range.smallest * 0.5f;
  const float scale = half < smallest ? 0.0f : half / (steps * 0.5f);
  const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  const auto zero_point = static_cast<int32_t>(std::nearbyint(-128.0f - range.smallest * inverse));
  const auto inverses = hn::Set(d, inverse);
  const auto zero_points = hn::Set(di, zero_point);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(to_bytes(hn::LoadU(d, x + i), inverses, zero_points), bytes, q + i);
  if (i < count) {
    const auto last = to_bytes(load_rest(d, x + i, count - i), inverses, zero_points);
    hn::StoreN(last, bytes, q + i, count - i);
  }
  return {.zero_point = zero_point, .scale = scale};
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(quantize_int16);
HWY_EXPORT(quantize_int8);

float quantize_int16(const float* x, size_t count, uint8_t* q) {
  return HWY_DYNAMIC_DISPATCH(quantize_int16)(x, count, q);
}

Int8Rows::Parameters quantize_int8(const float* x, size_t count, int8_t* q) {
  return HWY_DYNAMIC_DISPATCH(quantize_int8)(x, count, q);
}

}  // namespace linnet::kernels
#endif
