#include "runtime/kernels/norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

HWY_NOINLINE float sum_of(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    sum0 = hn::Add(sum0, hn::LoadU(d, x + i));
    sum1 = hn::Add(sum1, hn::LoadU(d, x + i + lanes));
    sum2 = hn::Add(sum2, hn::LoadU(d, x + i + 2 * lanes));
    sum3 = hn::Add(sum3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) sum0 = hn::Add(sum0, hn::LoadU(d, x + i));
  if (i < n) sum1 = hn::Add(sum1, load_rest(d, x + i, n - i));
  return hn::ReduceSum(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

/// The sum of (x - mean)^2.
HWY_INLINE float sum_of_squares_of(const float* x, size_t n, float mean) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto center = hn::Set(d, mean);
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto x0 = hn::Sub(hn::LoadU(d, x + i), center);
    const auto x1 = hn::Sub(hn::LoadU(d, x + i + lanes), center);
    const auto x2 = hn::Sub(hn::LoadU(d, x + i + 2 * lanes), center);
    const auto x3 = hn::Sub(hn::LoadU(d, x + i + 3 * lanes), center);
    sum0 = hn::MulAdd(x0, x0, sum0);
    sum1 = hn::MulAdd(x1, x1, sum1);
    sum2 = hn::MulAdd(x2, x2, sum2);
    sum3 = hn::MulAdd(x3, x3, sum3);
  }
  for (; i + lanes <= n; i += lanes) {
    const auto x0 = hn::Sub(hn::LoadU(d, x + i), center);
    sum0 = hn::MulAdd(x0, x0, sum0);
  }
  if (i < n) {
    const auto x1 =
        hn::IfThenElseZero(hn::FirstN(d, n - i), hn::Sub(load_rest(d, x + i, n - i), center));
    sum1 = hn::MulAdd(x1, x1, sum1);
  }
  return hn::ReduceSum(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

/// What a normalised value is multiplied by and what is added to it: for absent weights and biases
/// a vector of ones or zeros, again and again.
struct Affine {
  const float* weights;
  size_t weight_step;  ///< from one vector to the next
  const float* biases;
  size_t bias_step;
};

/// y = (x - mean) * factor * weight + bias for a vector.
template <class Access>
HWY_INLINE void apply_vector(const Access& access, float mean, float factor, const float* x,
                             const float* weights, const float* biases, float* y) {
  const hn::ScalableTag<float> d;
  const auto value = hn::Mul(hn::Sub(access.load(d, x), hn::Set(d, mean)), hn::Set(d, factor));
  access.store(hn::MulAdd(value, access.load(d, weights), access.load(d, biases)), d, y);
}

HWY_INLINE void apply(float mean, float factor, const float* x, Affine a, float* y, size_t n) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    apply_vector(WholeVector(), mean, factor, x + i, a.weights, a.biases, y + i);
    a.weights += a.weight_step;
    a.biases += a.bias_step;
  }
  if (i < n) apply_vector(RestOfVector{n - i}, mean, factor, x + i, a.weights, a.biases, y + i);
}

HWY_INLINE float maximum_of(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, std::numeric_limits<float>::lowest());
  auto maximum = lowest;
  for (size_t i = 0; i < n; i += lanes) {
    const auto values = load_some(d, x + i, n - i);
    maximum = hn::Max(maximum, hn::IfThenElse(hn::FirstN(d, n - i), values, lowest));
  }
  return hn::ReduceMax(d, maximum);
}

/// exp(x - maximum), which cannot overflow.
struct ExpBelow {
  float maximum;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return exp_all(d, hn::Sub(x, hn::Set(d, maximum)));
  }
};

/// What (x - mean) is multiplied by. The softmax norm's x is exp(x - maximum) here.
HWY_INLINE float factor_of(NormKind kind, const float* x, size_t n, float mean, float epsilon) {
  if (kind == NormKind::sum) return 1.0f / (sum_of(x, n) + epsilon);
  if (kind == NormKind::softmax) return 1.0f / sum_of(x, n);
  const float squares = sum_of_squares_of(x, n, mean);
  if (kind == NormKind::l2) return 1.0f / std::sqrt(squares + epsilon);
  if (kind == NormKind::l2_clamped) return 1.0f / std::max(std::sqrt(squares), epsilon);
  return 1.0f / std::sqrt(squares / static_cast<float>(n) + epsilon);
}

void norm(const NormArguments& a) {
  const hn::ScalableTag<float> d;
  HWY_ALIGN float ones[hn::MaxLanes(d)];
  HWY_ALIGN float zeros[hn::MaxLanes(d)];
  hn::Store(hn::Set(d, 1.0f), d, ones);
  hn::Store(hn::Zero(d), d, zeros);
  Affine affine = {ones, 0, zeros, 0};
  if (a.weight != nullptr) affine = {a.weight, hn::Lanes(d), zeros, 0};
  if (a.bias != nullptr) affine = {affine.weights, affine.weight_step, a.bias, hn::Lanes(d)};
  for (size_t row = 0; row < a.rows; ++row) {
    for (size_t group = 0; group < a.groups; ++group) {
      const size_t first = group * a.width;
      const float* x = a.x[row] + first;
      float* y = a.y[row] + first;
      if (a.kind == NormKind::softmax) {
        map(x, y, a.width, ExpBelow{maximum_of(x, a.width)});
        x = y;
      }
      const float mean =
          a.kind == NormKind::layer ? sum_of(x, a.width) / static_cast<float>(a.width) : 0.0f;
      const float factor = factor_of(a.kind, x, a.width, mean, a.epsilon);
      const size_t own = a.per_group ? first : 0;
      const Affine of_group = {affine.weights + (affine.weight_step != 0 ? own : 0),
                               affine.weight_step,
                               affine.biases + (affine.bias_step != 0 ? own : 0), affine.bias_step};
      apply(mean, factor, x, of_group, y, a.width);
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(norm);

void norm(const NormArguments& arguments) { HWY_DYNAMIC_DISPATCH(norm)(arguments); }

}  // namespace linnet::kernels
#endif
