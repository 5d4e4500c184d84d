// int8 matrices with Arm's dot products: the same tiles as int8_matrix.cpp's, compiled for an
// instruction set that Highway does not have by itself.

#include "runtime/kernels/int8_dot_products.h"

#ifdef LINNET_DOT_PRODUCTS
#include <cpuinfo.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime/kernels/tile_targets.h"

#ifndef HWY_COMPILE_ONLY_STATIC
#define HWY_COMPILE_ONLY_STATIC
#endif
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"  // for every processor

// As their arm_neon.h names it.
#if HWY_COMPILER_CLANG
HWY_PUSH_ATTRIBUTES("dotprod")
#else
HWY_PUSH_ATTRIBUTES("arch=armv8.2-a+dotprod")
#endif
#include "runtime/kernels/int8_matrix-inl.h"

namespace linnet::kernels::HWY_NAMESPACE {

struct DotProducts {
  static constexpr bool is_signed = true;
  static constexpr size_t rows8 = 6;
  static constexpr size_t rows16 = 4;
  static constexpr size_t unrolled = 4;

  using Sum = hn::Vec<Ints>;

  static HWY_INLINE Sum zero() { return hn::Zero(Ints()); }

  static HWY_INLINE void add(hn::Vec<Bytes> x, hn::Vec<Weights> weights, Sum& sum) {
    sum.raw = vdotq_s32(sum.raw, vreinterpretq_s8_u8(x.raw), weights.raw);
  }

  static HWY_INLINE Sum total(Sum sum) { return sum; }
};

template <class Input>
void multiply_rows_by_dot_products(const Int8Matrix& w, size_t rows, const Input& x, size_t first,
                                   size_t count, MutableRows y) {
  multiply<DotProducts>(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_POP_ATTRIBUTES

namespace linnet::kernels {

bool has_dot_products() {
  static const bool has = cpuinfo_initialize() && cpuinfo_has_arm_neon_dot();
  return has;
}

void multiply_by_dot_products(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first,
                              size_t count, MutableRows y) {
  HWY_NAMESPACE::multiply_rows_by_dot_products(w, rows, x, first, count, y);
}

void multiply_by_dot_products(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first,
                              size_t count, MutableRows y) {
  HWY_NAMESPACE::multiply_rows_by_dot_products(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels
#endif
