#include "runtime/kernels/elementwise.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// Columns that go through all steps together: two buffers of this size stay in L1.
constexpr size_t block_columns = 512;

struct AddOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::Add(x, z);
  }
};
struct SubtractOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::Sub(x, z);
  }
};
struct SubtractFromOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::Sub(z, x);
  }
};
struct MultiplyOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::Mul(x, z);
  }
};
struct MultiplySiluOp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V z) const {
    return hn::Mul(x, silu(d, z));
  }
};
struct MultiplySigmoidOp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V z) const {
    return hn::Mul(x, sigmoid(d, z));
  }
};
struct MinimumOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Min(x, z));
  }
};
struct MaximumOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Max(x, z));
  }
};

/// y = function(x, z) for n values, whole vectors of them. From one vector of z to the next are
/// z_step values: none, if all are the same.
using VectorLoop = void (*)(const float* x, const float* z, size_t z_step, float* y, size_t n);

template <class Function>
void unary(const float* x, const float*, size_t, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d))
    hn::StoreU(Function()(d, hn::LoadU(d, x + i)), d, y + i);
}

template <class Function>
void binary(const float* x, const float* z, size_t z_step, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d), z += z_step)
    hn::StoreU(Function()(d, hn::LoadU(d, x + i), hn::LoadU(d, z)), d, y + i);
}

VectorLoop loop_of(ElementwiseFunction function) {
  switch (function) {
    case ElementwiseFunction::add:
      return binary<AddOp>;
    case ElementwiseFunction::subtract:
      return binary<SubtractOp>;
    case ElementwiseFunction::subtract_from:
      return binary<SubtractFromOp>;
    case ElementwiseFunction::multiply:
      return binary<MultiplyOp>;
    case ElementwiseFunction::negate:
      return unary<NegateOp>;
    case ElementwiseFunction::exp:
      return unary<ExpOp>;
    case ElementwiseFunction::sigmoid:
      return unary<SigmoidOp>;
    case ElementwiseFunction::tanh:
      return unary<TanhOp>;
    case ElementwiseFunction::softplus:
      return unary<SoftplusOp>;
    case ElementwiseFunction::silu:
      return unary<SiluOp>;
    case ElementwiseFunction::relu:
      return unary<ReluOp>;
    case ElementwiseFunction::square:
      return unary<SquareOp>;
    case ElementwiseFunction::gelu:
      return unary<GeluOp>;
    case ElementwiseFunction::gelu_tanh:
      return unary<GeluTanhOp>;
    case ElementwiseFunction::log_sigmoid:
      return unary<LogSigmoidOp>;
    case ElementwiseFunction::elu:
      return unary<EluOp>;
    case ElementwiseFunction::multiply_silu:
      return binary<MultiplySiluOp>;
    case ElementwiseFunction::multiply_sigmoid:
      return binary<MultiplySigmoidOp>;
    case ElementwiseFunction::minimum:
      return binary<MinimumOp>;
    case ElementwiseFunction::maximum:
      return binary<MaximumOp>;
  }
  return nullptr;
}

/// Null for what changes nothing.
VectorLoop loop_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return unary<ReluOp>;
    case Activation::squared_relu:
      return unary<SquaredReluOp>;
    case Activation::silu:
      return unary<SiluOp>;
    case Activation::gelu:
      return unary<GeluOp>;
    case Activation::gelu_tanh:
      return unary<GeluTanhOp>;
    case Activation::sigmoid:
      return unary<SigmoidOp>;
    case Activation::tanh:
      return unary<TanhOp>;
  }
  return nullptr;
}

/// A loop over any number of values: the rest of a row is a vector in a buffer.
HWY_NOINLINE void run_loop(VectorLoop loop, const float* x, const float* z, size_t z_step, float* y,
                           size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const size_t rest = n % lanes, whole = n - rest;
  loop(x, z, z_step, y, whole);
  if (rest == 0) return;
  HWY_ALIGN float last_x[hn::MaxLanes(d)];
  HWY_ALIGN float last_z[hn::MaxLanes(d)];
  hn::Store(load_rest(d, x + whole, rest), d, last_x);
  if (z_step != 0) {
    hn::Store(load_rest(d, z + whole, rest), d, last_z);
    z = last_z;
  }
  loop(last_x, z, z_step, last_x, lanes);
  store_rest(hn::Load(d, last_x), d, y + whole, rest);
}

/// y = function(x, operand), where a null operand stands for the step's scalar.
HWY_INLINE void run_step(const ElementwiseStep& step, const float* x, const float* operand,
                         float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const VectorLoop loop = loop_of(step.function);
  if (operand != nullptr) return run_loop(loop, x, operand, hn::Lanes(d), y, n);
  HWY_ALIGN float scalars[hn::MaxLanes(d)];
  hn::Store(hn::Set(d, step.scalar), d, scalars);
  run_loop(loop, x, scalars, 0, y, n);
}

/// values[c / group] for c in [first, first + count), each written out.
HWY_INLINE void expand(const float* values, size_t group, size_t first, size_t count, float* out) {
  size_t index = first / group;
  size_t run = (index + 1) * group - first;
  for (size_t done = 0; done < count; run = group, ++index) {
    run = std::min(run, count - done);
    std::fill_n(out + done, run, values[index]);
    done += run;
  }
}

/// Columns [first, first + count) of row `row` through every step; count <= block_columns.
HWY_INLINE void run_block(std::span<const ElementwiseStep> steps, size_t row, size_t first,
                          size_t count, const float* x, float* y) {
  HWY_ALIGN float accumulator[block_columns];
  HWY_ALIGN float expanded[block_columns];
  const float* source = x + first;
  for (size_t i = 0; i < steps.size(); ++i) {
    const ElementwiseStep& step = steps[i];
    const float* operand = nullptr;
    if (step.operand) {
      operand = step.operand[row] + first;
      if (step.group > 1) {
        expand(step.operand[row], step.group, first, count, expanded);
        operand = expanded;
      }
    }
    float* target = i + 1 == steps.size() ? y + first : accumulator;
    run_step(step, source, operand, target, count);
    source = target;
  }
}

void elementwise(size_t rows, size_t width, ConstRows x, std::span<const ElementwiseStep> steps,
                 MutableRows y) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t first = 0; first < width; first += block_columns) {
      run_block(steps, row, first, std::min(block_columns, width - first), x[row], y[row]);
    }
  }
}

void activate(Activation activation, float* x, size_t n) {
  if (const VectorLoop loop = loop_of(activation)) run_loop(loop, x, nullptr, 0, x, n);
}

void group_sum(size_t rows, size_t groups, size_t width, ConstRows x, MutableRows y) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t group = 0; group < groups; ++group)
      y[row][group] = sum_of_row(x[row] + group * width, width);
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(elementwise);
HWY_EXPORT(activate);
HWY_EXPORT(group_sum);

namespace {

/// Whether the rows lie one after another without a gap, so that they can be read as one long row.
bool contiguous(size_t width, const ElementwiseStep& step) {
  if (!step.operand) return true;
  if (width % step.group != 0) return false;
  return step.operand.stride == width / step.group;
}

}  // namespace

void elementwise(size_t rows, size_t width, ConstRows x, std::span<const ElementwiseStep> steps,
                 MutableRows y) {
  if (steps.empty()) {
    for (size_t row = 0; row < rows; ++row) {
      if (x[row] != y[row]) std::copy_n(x[row], width, y[row]);
    }
    return;
  }
  const bool one_row = rows > 1 && x.stride == width && y.stride == width &&
                       std::all_of(steps.begin(), steps.end(), [&](const ElementwiseStep& step) {
                         return contiguous(width, step);
                       });
  if (one_row) {
    width *= rows;
    rows = 1;
  }
  HWY_DYNAMIC_DISPATCH(elementwise)(rows, width, x, steps, y);
}

void activate(Activation activation, float* x, size_t n) {
  HWY_DYNAMIC_DISPATCH(activate)(activation, x, n);
}

void group_sum(size_t rows, size_t groups, size_t width, ConstRows x, MutableRows y) {
  HWY_DYNAMIC_DISPATCH(group_sum)(rows, groups, width, x, y);
}

}  // namespace linnet::kernels
#endif
