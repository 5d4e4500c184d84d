#include "runtime/kernels/int8_matrix.h"

#include "runtime/kernels/int8_dot_products.h"
#include "runtime/kernels/tile_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/int8_matrix.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/int8_matrix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

#if HWY_ARCH_ARM
/// Neon multiplies eight pairs of signed bytes at a time, and adds neighbours to sums of 32 bits:
/// two of them to an output, of half the outputs each.
struct BytePairs {
  static constexpr bool is_signed = true;
  static constexpr size_t rows8 = HWY_ARCH_ARM_A64 ? 4 : 2;
  static constexpr size_t rows16 = HWY_ARCH_ARM_A64 ? 2 : 1;
  static constexpr size_t unrolled = 0;

  struct Sum {
    int32x4_t low;
    int32x4_t high;
  };

  static HWY_INLINE Sum zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }

  static HWY_INLINE void add(hn::Vec<Bytes> x, hn::Vec<Weights> weights, Sum& sum) {
    const int8x8_t four = vget_low_s8(vreinterpretq_s8_u8(x.raw));  // twice, as in the other half
    sum.low = vpadalq_s16(sum.low, vmull_s8(four, vget_low_s8(weights.raw)));
    sum.high = vpadalq_s16(sum.high, vmull_s8(four, vget_high_s8(weights.raw)));
  }

  static HWY_INLINE hn::Vec<Ints> total(Sum sum) {
    return hn::Vec<Ints>{vcombine_s32(vpadd_s32(vget_low_s32(sum.low), vget_high_s32(sum.low)),
                                      vpadd_s32(vget_low_s32(sum.high), vget_high_s32(sum.high)))};
  }
};
using Products = BytePairs;
#else
struct ByteQuads {
  static constexpr bool is_signed = false;
  static constexpr size_t rows8 = HWY_TARGET == HWY_AVX3_DL ? 6 : 4;
  static constexpr size_t rows16 = HWY_TARGET == HWY_AVX3_DL ? 4 : 2;
  static constexpr size_t unrolled = 12;

  using Sum = hn::Vec<Ints>;

  static HWY_INLINE Sum zero() { return hn::Zero(Ints()); }

  static HWY_INLINE void add(hn::Vec<Bytes> x, hn::Vec<Weights> weights, Sum& sum) {
    sum = hn::SumOfMulQuadAccumulate(Ints(), x, weights, sum);
  }

  static HWY_INLINE Sum total(Sum sum) { return sum; }
};
using Products = ByteQuads;
#endif

void multiply_int16_rows(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first,
                         size_t count, MutableRows y) {
  multiply<Products>(w, rows, x, first, count, y);
}

void multiply_int8_rows(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first,
                        size_t count, MutableRows y) {
  multiply<Products>(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(multiply_int16_rows);
HWY_EXPORT(multiply_int8_rows);

void multiply_int8(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first, size_t count,
                   MutableRows y) {
  if (has_dot_products()) return multiply_by_dot_products(w, rows, x, first, count, y);
  HWY_DYNAMIC_DISPATCH(multiply_int16_rows)(w, rows, x, first, count, y);
}

void multiply_int8(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first, size_t count,
                   MutableRows y) {
  if (has_dot_products()) return multiply_by_dot_products(w, rows, x, first, count, y);
  HWY_DYNAMIC_DISPATCH(multiply_int8_rows)(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels
#endif
