#include "runtime/kernels/time_mix.h"

#include <algorithm>

#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/time_mix.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// A vector of columns of one token's row of every output.
template <class Access>
HWY_INLINE void shift_columns(const Access& access, const TokenShiftArguments& a, size_t t,
                              const float* previous, size_t c) {
  const hn::ScalableTag<float> d;
  const auto now = access.load(d, a.x[t] + c);
  const auto before = access.load(d, previous + c);
  for (size_t i = 0; i < a.mixes.size(); ++i) {
    const auto mix = access.load(d, a.mixes[i] + c);
    access.store(hn::MulAdd(hn::Sub(before, now), mix, now), d, a.outputs[i][t] + c);
  }
}

HWY_INLINE void shift_row(const TokenShiftArguments& a, size_t t, const float* previous) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  size_t c = 0;
  for (; c + lanes <= a.width; c += lanes) shift_columns(WholeVector(), a, t, previous, c);
  if (c < a.width) shift_columns(RestOfVector{a.width - c}, a, t, previous, c);
}

void token_shift(const TokenShiftArguments& a, size_t first, size_t count) {
  for (size_t t = first; t < first + count; ++t) shift_row(a, t, t == 0 ? a.last : a.x[t - 1]);
}

/// Columns of a convolution that all rows of a call are done of before the next: their weights stay
/// in L1.
constexpr size_t conv_columns = 256;

/// What nearly every model has.
constexpr size_t usual_kernel = 4;

/// y = bias + sum_j weight[j] rows[j] for a vector of columns from `first + c` on; rows[j] is the
/// input kernel - 1 - j tokens ago. The products are added oldest first, whatever the chunk.
template <class Access>
HWY_INLINE void convolve_columns(const Access& access, const CausalConvArguments& a, size_t kernel,
                                 const float* const* rows, size_t first, size_t c, float* y) {
  const hn::ScalableTag<float> d;
  auto sum = a.bias != nullptr ? access.load(d, a.bias + first + c) : hn::Zero(d);
  for (size_t j = 0; j < kernel; ++j)
    sum = hn::MulAdd(access.load(d, a.weight[j] + first + c), access.load(d, rows[j] + c), sum);
  access.store(sum, d, y + c);
}

/// `count` columns; `fixed_kernel` is the kernel's size where the compiler may know it, or 0.
template <size_t fixed_kernel>
HWY_INLINE void convolve_row(const CausalConvArguments& a, const float* const* rows, size_t first,
                             size_t count, float* y) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  const size_t kernel = fixed_kernel != 0 ? fixed_kernel : a.kernel;
  for (size_t c = 0; c + lanes <= count; c += lanes)
    convolve_columns(WholeVector(), a, kernel, rows, first, c, y);
}

HWY_NOINLINE void convolve_rest(const CausalConvArguments& a, const float* const* rows,
                                size_t first, size_t count, float* y) {
  const size_t rest = count % hn::Lanes(hn::ScalableTag<float>());
  if (rest == 0) return;
  convolve_columns(RestOfVector{rest}, a, a.kernel, rows, first, count - rest, y);
}

void causal_conv(const CausalConvArguments& a, size_t first, size_t count) {
  const float* rows[max_conv_kernel];
  const size_t past = a.kernel - 1;
  for (size_t c = 0; c < a.width; c += conv_columns) {
    const size_t n = std::min(conv_columns, a.width - c);
    for (size_t t = first; t < first + count; ++t) {
      for (size_t j = 0; j < a.kernel; ++j) {
        const size_t row = t + j;  // counted from the oldest row of the tail
        rows[j] = (row < past ? a.tail[row] : a.x[row - past]) + c;
      }
      float* y = a.y[t] + c;
      if (a.kernel == usual_kernel) {
        convolve_row<usual_kernel>(a, rows, c, n, y);
      } else {
        convolve_row<0>(a, rows, c, n, y);
      }
      convolve_rest(a, rows, c, n, y);
      kernels::activate(a.activation, y, n);
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(token_shift);
HWY_EXPORT(causal_conv);

void token_shift(const TokenShiftArguments& arguments, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(token_shift)(arguments, first, count);
}

void causal_conv(const CausalConvArguments& arguments, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(causal_conv)(arguments, first, count);
}

void move_tail(size_t tokens, ConstRows x, size_t width, size_t rows, MutableRows tail) {
  for (size_t i = 0; i < rows; ++i) {
    const size_t row = i + tokens;  // counted from the oldest row of the tail
    std::copy_n(row < rows ? tail[row] : x[row - rows], width, tail[i]);
  }
}

}  // namespace linnet::kernels
#endif
