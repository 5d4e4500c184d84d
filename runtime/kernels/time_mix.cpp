#include "runtime/kernels/time_mix.h"

#include <algorithm>

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
HWY_INLINE void shift_row(const TokenShiftArguments& a, size_t t, const float* previous,
                          size_t first, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const float* x = a.x[t];
  const size_t end = first + count;
  size_t c = first;
  for (; c + lanes <= end; c += lanes) {
    const auto now = hn::LoadU(d, x + c);
    const auto before = hn::LoadU(d, previous + c);
    for (size_t i = 0; i < a.mixes.size(); ++i) {
      hn::StoreU(MixOp()(d, now, before, hn::LoadU(d, a.mixes[i] + c)), d, a.outputs[i][t] + c);
    }
  }
  if (c < end) {
    const size_t rest = end - c;
    const auto now = hn::LoadN(d, x + c, rest);
    const auto before = hn::LoadN(d, previous + c, rest);
    for (size_t i = 0; i < a.mixes.size(); ++i) {
      const auto mix = hn::LoadN(d, a.mixes[i] + c, rest);
      hn::StoreN(MixOp()(d, now, before, mix), d, a.outputs[i][t] + c, rest);
    }
  }
}

void token_shift(const TokenShiftArguments& a, size_t first, size_t count) {
  for (size_t t = 0; t < a.tokens; ++t) {
    shift_row(a, t, t == 0 ? a.last : a.x[t - 1], first, count);
  }
  if (a.tokens > 0) std::copy_n(a.x[a.tokens - 1] + first, count, a.last + first);
}

/// Columns of a convolution that are done together, at most; fewer for a long kernel.
constexpr size_t conv_columns = 256;
constexpr size_t history_size = 1024;

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
  size_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    auto sum = a.bias != nullptr ? hn::LoadU(d, a.bias + first + c) : hn::Zero(d);
    for (size_t j = 0; j < kernel; ++j) {
      const auto weight = hn::LoadU(d, a.weight[j] + first + c);
      sum = hn::MulAdd(weight, hn::LoadU(d, rows[j] + c), sum);
    }
    hn::StoreU(sum, d, y + c);
  }
  if (c == count) return;
  const size_t rest = count - c;
  auto sum = a.bias != nullptr ? hn::LoadN(d, a.bias + first + c, rest) : hn::Zero(d);
  for (size_t j = 0; j < kernel; ++j) {
    const auto weight = hn::LoadN(d, a.weight[j] + first + c, rest);
    sum = hn::MulAdd(weight, hn::LoadN(d, rows[j] + c, rest), sum);
  }
  hn::StoreN(sum, d, y + c, rest);
}

/// Moves the tail on by the chunk and leaves the old one in `history` [kernel - 1, count].
HWY_INLINE void move_tail(const CausalConvArguments& a, size_t first, size_t count,
                          float* history) {
  const size_t past = a.kernel - 1;
  for (size_t j = 0; j < past; ++j) std::copy_n(a.tail[j] + first, count, history + j * count);
  for (size_t j = 0; j < past; ++j) {
    const size_t row = j + a.tokens;  // counted from the oldest row of the old tail
    const float* source = row < past ? history + row * count : a.x[row - past] + first;
    std::copy_n(source, count, a.tail[j] + first);
  }
}

void causal_conv(const CausalConvArguments& a, size_t first, size_t count) {
  HWY_ALIGN float history[history_size];
  const float* rows[max_conv_kernel];
  const size_t past = a.kernel - 1;
  const size_t step = std::min(conv_columns, history_size / std::max<size_t>(1, past));
  const size_t end = first + count;
  for (size_t c = first; c < end; c += step) {
    const size_t n = std::min(step, end - c);
    move_tail(a, c, n, history);
    // The newest token first: an output in place of its input overwrites nothing that is still
    // needed.
    for (size_t t = a.tokens; t-- > 0;) {
      for (size_t j = 0; j < a.kernel; ++j) {
        const size_t row = t + j;  // counted from the oldest row of the old tail
        rows[j] = row < past ? history + row * n : a.x[row - past] + c;
      }
      float* y = a.y[t] + c;
      if (a.kernel == usual_kernel) {
        convolve_row<usual_kernel>(a, rows, c, n, y);
      } else {
        convolve_row<0>(a, rows, c, n, y);
      }
      activate_row(a.activation, y, n);
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

}  // namespace linnet::kernels
#endif
