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

struct MixOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V previous, V mix) const {
    return hn::MulAdd(hn::Sub(previous, x), mix, x);
  }
};

/// One token's row of every output.
HWY_INLINE void shift_row(const TokenShiftArguments& a, size_t t, const float* previous) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const float* x = a.x[t];
  for (size_t c = 0; c < a.width; c += lanes) {
    const size_t left = a.width - c;
    const auto now = load_some(d, x + c, left);
    const auto before = load_some(d, previous + c, left);
    for (size_t i = 0; i < a.mixes.size(); ++i) {
      const auto mix = load_some(d, a.mixes[i] + c, left);
      store_some(MixOp()(d, now, before, mix), d, a.outputs[i][t] + c, left);
    }
  }
}

void token_shift(const TokenShiftArguments& a, size_t first, size_t count) {
  for (size_t t = first; t < first + count; ++t) shift_row(a, t, t == 0 ? a.last : a.x[t - 1]);
}

/// Columns of a convolution that all rows of a call are done of before the next: their weights stay
/// in L1.
constexpr size_t conv_columns = 256;

/// What nearly every model has.
constexpr size_t usual_kernel = 4;

/// y = bias + sum_j weight[j] rows[j] for `count` columns; rows[j] is the input kernel - 1 - j
/// tokens ago. The products are added oldest first, whatever the chunk.
/// `fixed_kernel` is the kernel's size where the compiler may know it, or 0.
template <size_t fixed_kernel>
HWY_INLINE void convolve_row(const CausalConvArguments& a, const float* const* rows, size_t first,
                             size_t count, float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t kernel = fixed_kernel != 0 ? fixed_kernel : a.kernel;
  for (size_t c = 0; c < count; c += lanes) {
    const size_t left = count - c;
    auto sum = a.bias != nullptr ? load_some(d, a.bias + first + c, left) : hn::Zero(d);
    for (size_t j = 0; j < kernel; ++j) {
      const auto weight = load_some(d, a.weight[j] + first + c, left);
      sum = hn::MulAdd(weight, load_some(d, rows[j] + c, left), sum);
    }
    store_some(sum, d, y + c, left);
  }
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
