#include "runtime/kernels/features.h"

#include <algorithm>
#include <limits>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/features.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// `count` outputs, at most two vectors of them, of one head of one row.
template <class D>
HWY_INLINE void multiply_block(D d, const float* x, size_t inputs, const float* weight,
                               size_t stride, size_t count, float* y) {
  const size_t lanes = hn::Lanes(d);
  if (count == 2 * lanes) {
    auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
    for (size_t i = 0; i < inputs; ++i, weight += stride) {
      const auto value = hn::Set(d, x[i]);
      sum0 = hn::MulAdd(value, hn::LoadU(d, weight), sum0);
      sum1 = hn::MulAdd(value, hn::LoadU(d, weight + lanes), sum1);
    }
    hn::StoreU(sum0, d, y);
    hn::StoreU(sum1, d, y + lanes);
    return;
  }
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < inputs; ++i, weight += stride) {
    sum = hn::MulAdd(hn::Set(d, x[i]), load_some(d, weight, count), sum);
  }
  store_some(sum, d, y, count);
}

void head_linear(const HeadLinearArguments& a) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < a.rows; ++row) {
    for (size_t head = 0; head < a.heads; ++head) {
      const float* x = a.x[row] + head * a.inputs;
      float* y = a.y[row] + head * a.outputs;
      for (size_t o = 0; o < a.outputs;) {
        const size_t left = a.outputs - o;
        const size_t count = left >= 2 * lanes ? 2 * lanes : std::min(left, lanes);
        multiply_block(d, x, a.inputs, a.weight + o, a.outputs, count, y + o);
        o += count;
      }
    }
  }
}

float largest(size_t rows, size_t width, ConstRows x) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto most = least;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < width; i += lanes) {
      const auto values = load_some(d, x[row] + i, width - i);
      most = hn::Max(most, hn::IfThenElse(hn::FirstN(d, width - i), values, least));
    }
  }
  return hn::ReduceMax(d, most);
}

/// exp(x - offset) + epsilon
struct FeatureOp {
  float offset;
  float epsilon;

  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::Add(exp_all(d, hn::Sub(x, hn::Set(d, offset))), hn::Set(d, epsilon));
  }
};

void softmax_features(const SoftmaxFeaturesHead& head) {
  const bool is_query = head.side == FeatureSide::query;
  for (size_t t = 0; t < head.tokens; ++t) {
    const float* u = head.projected[t];
    float* y = head.output[t];
    const float maximum = is_query ? largest(1, head.features, {u, 0}) : head.maximum;
    const float offset = head.half_norms[t][0] + maximum;
    map(u, y, head.features, FeatureOp{offset, is_query ? head.epsilon : 0.0f});
    y[head.features] = is_query ? head.epsilon * sum_of_row(y, head.features) : 1.0f;
  }
}

/// relu(sign_x x) relu(sign_z z)
struct RectifiedProductOp {
  float sign_x;
  float sign_z;

  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V z) const {
    return hn::Mul(relu(d, hn::Mul(x, hn::Set(d, sign_x))),
                   relu(d, hn::Mul(z, hn::Set(d, sign_z))));
  }
};

void dpfp(const float* x, size_t width, size_t rolls, float* y) {
  const size_t period = 2 * width;
  for (size_t i = 1; i <= rolls; ++i, y += period) {
    // Both factors run through x, each up to the place where its sign changes.
    for (size_t j = 0; j < period;) {
      const size_t rolled = (j + period - i % period) % period;
      const size_t count = width - std::max(j % width, rolled % width);
      const RectifiedProductOp product{j < width ? 1.0f : -1.0f, rolled < width ? 1.0f : -1.0f};
      map(x + j % width, x + rolled % width, y + j, count, product);
      j += count;
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(head_linear);
HWY_EXPORT(softmax_features);
HWY_EXPORT(largest);
HWY_EXPORT(dpfp);

void head_linear(const HeadLinearArguments& arguments) {
  HWY_DYNAMIC_DISPATCH(head_linear)(arguments);
}

void softmax_features(const SoftmaxFeaturesHead& head) {
  HWY_DYNAMIC_DISPATCH(softmax_features)(head);
}

float largest(size_t rows, size_t width, ConstRows x) {
  return HWY_DYNAMIC_DISPATCH(largest)(rows, width, x);
}

void dpfp(const float* x, size_t width, size_t rolls, float* y) {
  HWY_DYNAMIC_DISPATCH(dpfp)(x, width, rolls, y);
}

}  // namespace linnet::kernels
#endif
