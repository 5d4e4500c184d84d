#include "runtime/kernels/plain_matrix.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/plain_matrix.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

using Lanes = hn::ScalableTag<float>;
using Vec = hn::Vec<Lanes>;

/// Outputs that are summed together: each value of x that is read serves all.
constexpr size_t tile_outputs = 4;

/// A vector of values, or the first `count` of one.
template <bool part>
HWY_INLINE Vec load(const float* values, size_t count) {
  return part ? load_rest(Lanes(), values, count) : hn::LoadU(Lanes(), values);
}

/// Binary16 values are read through their bits: Highway's own type hides them.
HWY_INLINE Vec widened(hn::Vec<hn::Rebind<uint16_t, Lanes>> bits) {
  return hn::PromoteTo(Lanes(), hn::BitCast(hn::Rebind<hwy::float16_t, Lanes>(), bits));
}
HWY_NOINLINE Vec load_halves(const uint16_t* values, size_t count) {
  return widened(hn::LoadN(hn::Rebind<uint16_t, Lanes>(), values, count));
}
template <bool part>
HWY_INLINE Vec load(const uint16_t* values, size_t count) {
  if constexpr (part) return load_halves(values, count);
  return widened(hn::LoadU(hn::Rebind<uint16_t, Lanes>(), values));
}

/// Four rows of the matrix; those past the last output stand for it, so that a tile is never cut.
template <typename Value>
struct MatrixRows {
  MatrixRows(const PlainMatrix<Value>& w, size_t first, size_t end)
      : outputs{first, std::min(first + 1, end - 1), std::min(first + 2, end - 1),
                std::min(first + 3, end - 1)},
        rows{w.matrix + outputs[0] * w.inputs, w.matrix + outputs[1] * w.inputs,
             w.matrix + outputs[2] * w.inputs, w.matrix + outputs[3] * w.inputs} {}

  size_t outputs[tile_outputs];
  const Value* rows[tile_outputs];
};

/// The sums of one row of x, or of two, with four rows of the matrix.
struct Sums {
  float a[tile_outputs];
  float b[tile_outputs];
};

/// A sum is made over vectors of columns in order and across lanes last, whatever the tile.
template <bool two, typename Value>
HWY_INLINE void sum_tile(const MatrixRows<Value>& w, size_t inputs, const float* a, const float* b,
                         Sums& sums) {
  const Lanes d;
  const size_t lanes = hn::Lanes(d);
  auto a0 = hn::Zero(d), a1 = hn::Zero(d), a2 = hn::Zero(d), a3 = hn::Zero(d);
  auto b0 = hn::Zero(d), b1 = hn::Zero(d), b2 = hn::Zero(d), b3 = hn::Zero(d);
  const auto add = [&]<bool part>(size_t k, size_t count) HWY_ATTR {
    const auto w0 = load<part>(w.rows[0] + k, count);
    const auto w1 = load<part>(w.rows[1] + k, count);
    const auto w2 = load<part>(w.rows[2] + k, count);
    const auto w3 = load<part>(w.rows[3] + k, count);
    const auto xa = load<part>(a + k, count);
    a0 = hn::MulAdd(xa, w0, a0);
    a1 = hn::MulAdd(xa, w1, a1);
    a2 = hn::MulAdd(xa, w2, a2);
    a3 = hn::MulAdd(xa, w3, a3);
    if constexpr (two) {
      const auto xb = load<part>(b + k, count);
      b0 = hn::MulAdd(xb, w0, b0);
      b1 = hn::MulAdd(xb, w1, b1);
      b2 = hn::MulAdd(xb, w2, b2);
      b3 = hn::MulAdd(xb, w3, b3);
    }
  };
  size_t k = 0;
  for (; k + lanes <= inputs; k += lanes) add.template operator()<false>(k, lanes);
  if (k < inputs) add.template operator()<true>(k, inputs - k);
  sums = {{hn::ReduceSum(d, a0), hn::ReduceSum(d, a1), hn::ReduceSum(d, a2), hn::ReduceSum(d, a3)},
          {hn::ReduceSum(d, b0), hn::ReduceSum(d, b1), hn::ReduceSum(d, b2), hn::ReduceSum(d, b3)}};
}

template <typename Value>
HWY_INLINE void store(const PlainMatrix<Value>& w, const MatrixRows<Value>& tile, const float* sums,
                      float* y) {
  for (size_t i = 0; i < tile_outputs; ++i) {
    const size_t output = tile.outputs[i];
    y[output] = w.bias != nullptr ? sums[i] + w.bias[output] : sums[i];
  }
}

template <typename Value>
HWY_INLINE void multiply(const PlainMatrix<Value>& w, size_t rows, ConstRows x, size_t first,
                         size_t count, MutableRows y) {
  const size_t end = first + count;
  Sums sums;
  for (size_t output = first; output < end; output += tile_outputs) {
    const MatrixRows<Value> tile(w, output, end);
    size_t row = 0;
    for (; row + 2 <= rows; row += 2) {
      sum_tile<true>(tile, w.inputs, x[row], x[row + 1], sums);
      store(w, tile, sums.a, y[row]);
      store(w, tile, sums.b, y[row + 1]);
    }
    if (row == rows) continue;
    sum_tile<false>(tile, w.inputs, x[row], x[row], sums);
    store(w, tile, sums.a, y[row]);
  }
}

void multiply_half(const HalfMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                   MutableRows y) {
  multiply(w, rows, x, first, count, y);
}

void multiply_float(const FloatMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                    MutableRows y) {
  multiply(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(multiply_half);
HWY_EXPORT(multiply_float);

void multiply_half(const HalfMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                   MutableRows y) {
  HWY_DYNAMIC_DISPATCH(multiply_half)(w, rows, x, first, count, y);
}

void multiply_float(const FloatMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                    MutableRows y) {
  HWY_DYNAMIC_DISPATCH(multiply_float)(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels
#endif
