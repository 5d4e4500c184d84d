#include "runtime/kernels/lstm.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/lstm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// `n` cells from `at` on, at most a vector of them.
HWY_INLINE void step_cells(const LstmCells& a, size_t at, size_t n) {
  const hn::ScalableTag<float> d;
  const auto gate = [&](size_t index) HWY_ATTR {
    const size_t from = index * a.width + at;
    return hn::Add(load_some(d, a.input + from, n), load_some(d, a.recurrent + from, n));
  };
  const auto write = hn::Mul(sigmoid(d, gate(0)), hn::Tanh(d, gate(2)));
  const auto cell = hn::MulAdd(sigmoid(d, gate(1)), load_some(d, a.cell + at, n), write);
  store_some(cell, d, a.cell + at, n);
  store_some(hn::Mul(sigmoid(d, gate(3)), hn::Tanh(d, cell)), d, a.hidden + at, n);
}

void lstm_cells(const LstmCells& cells, size_t first, size_t count) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  for (size_t i = 0; i < count; i += lanes) {
    step_cells(cells, first + i, std::min(lanes, count - i));
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(lstm_cells);

void lstm_cells(const LstmCells& cells, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(lstm_cells)(cells, first, count);
}

}  // namespace linnet::kernels
#endif
