#include "runtime/kernels/gather.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/gather.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {
/// Half-precision floats, either kind, are read through this: Highway's own types hide their bits.
template <class Half>
HWY_INLINE void half_row(const uint16_t* x, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<Half, decltype(d)> half;
  const hn::Rebind<uint16_t, decltype(d)> bits;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t left = n - i;
    const auto values = left >= lanes ? hn::LoadU(bits, x + i) : hn::LoadN(bits, x + i, left);
    store_some(hn::PromoteTo(d, hn::BitCast(half, values)), d, y + i, left);
  }
}

void gather_f16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                MutableRows y) {
  for (size_t r = 0; r < rows; ++r) {
    half_row<hwy::float16_t>(table + static_cast<size_t>(ids[r]) * width, y[r], width);
  }
}

void gather_bf16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                 MutableRows y) {
  for (size_t r = 0; r < rows; ++r) {
    half_row<hwy::bfloat16_t>(table + static_cast<size_t>(ids[r]) * width, y[r], width);
  }
}

HWY_INLINE void scaled_row(const int8_t* x, float factor, size_t n, float* y) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> wide;
  const hn::Rebind<int8_t, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, factor);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t left = n - i;
    const auto bytes = left >= lanes ? hn::LoadU(narrow, x + i) : hn::LoadN(narrow, x + i, left);
    store_some(hn::Mul(hn::ConvertTo(d, hn::PromoteTo(wide, bytes)), scale), d, y + i, left);
  }
}

void gather_int8(const int8_t* table, const float* scales, size_t block, size_t width,
                 const int32_t* ids, size_t rows, MutableRows y) {
  const size_t blocks = (width + block - 1) / block;
  for (size_t r = 0; r < rows; ++r) {
    const size_t id = static_cast<size_t>(ids[r]);
    for (size_t b = 0; b < blocks; ++b) {
      const size_t first = b * block;
      scaled_row(table + id * width + first, scales[id * blocks + b],
                 std::min(block, width - first), y[r] + first);
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(gather_f16);
HWY_EXPORT(gather_bf16);
HWY_EXPORT(gather_int8);

void gather_f32(const float* table, size_t width, const int32_t* ids, size_t rows, MutableRows y) {
  for (size_t r = 0; r < rows; ++r) {
    std::copy_n(table + static_cast<size_t>(ids[r]) * width, width, y[r]);
  }
}

void gather_f16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                MutableRows y) {
  HWY_DYNAMIC_DISPATCH(gather_f16)(table, width, ids, rows, y);
}

void gather_bf16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                 MutableRows y) {
  HWY_DYNAMIC_DISPATCH(gather_bf16)(table, width, ids, rows, y);
}

void gather_int8(const int8_t* table, const float* scales, size_t block, size_t width,
                 const int32_t* ids, size_t rows, MutableRows y) {
  HWY_DYNAMIC_DISPATCH(gather_int8)(table, scales, block, width, ids, rows, y);
}

}  // namespace linnet::kernels
#endif
