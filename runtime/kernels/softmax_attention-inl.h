// The inner loops of softmax attention over one block of keys, for one or two rows of queries.
// Compiled once per instruction set, by Highway's foreach_target.h.

#ifndef LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_SIZES_
#define LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_SIZES_

#include <cstddef>

namespace linnet::kernels {
/// Query rows that share the reading of a block of keys, and keys in a block: keys and values of a
/// block stay in L2, the scores and the values of one range of columns in L1.
inline constexpr size_t attention_block_rows = 32;
inline constexpr size_t attention_block_keys = 64;
/// Columns of values that are added together: four vectors of 16 at most.
inline constexpr size_t attention_block_columns = 64;
}  // namespace linnet::kernels

#endif  // LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_SIZES_

#if defined(LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_INL_H_
#undef LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_INL_H_
#else
#define LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cfloat>
#include <cstddef>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

constexpr size_t block_rows = attention_block_rows;
constexpr size_t block_keys = attention_block_keys;
constexpr size_t block_columns = attention_block_columns;
constexpr float lowest_score = -FLT_MAX;

/// Up to 16 lanes, which divide block_keys.
using Lane16 = hn::CappedTag<float, 16>;
using Vec16 = hn::Vec<Lane16>;

/// Keys [begin, end) of a block.
struct KeySpan {
  size_t begin = 0;
  size_t end = 0;

  bool empty() const { return begin >= end; }
  KeySpan hull(KeySpan other) const {
    if (empty()) return other;
    if (other.empty()) return *this;
    return {std::min(begin, other.begin), std::max(end, other.end)};
  }
};

#if HWY_HAVE_SCALABLE
/// out[i] = the sum of the lanes of vector i.
HWY_INLINE void sum_lanes(Vec16 a, Vec16 b, Vec16 c, Vec16 e, float* out) {
  const Lane16 d;
  out[0] = hn::ReduceSum(d, a);
  out[1] = hn::ReduceSum(d, b);
  out[2] = hn::ReduceSum(d, c);
  out[3] = hn::ReduceSum(d, e);
}
#else
/// Stores the sum of the groups of four lanes of a vector.
template <class D>
HWY_INLINE void sum_fours(D d, hn::Vec<D> x, float* out) {
  if constexpr (hn::MaxLanes(d) > 4) {
    const hn::Half<D> half;
    sum_fours(half, hn::Add(hn::LowerHalf(half, x), hn::UpperHalf(half, x)), out);
  } else {
    hn::StoreU(x, d, out);
  }
}

/// out[i] = the sum of the lanes of vector i: adds while it transposes, which takes half the work
/// of four sums one by one.
HWY_INLINE void sum_lanes(Vec16 a, Vec16 b, Vec16 c, Vec16 e, float* out) {
  const Lane16 d;
  const hn::RepartitionToWide<hn::RebindToUnsigned<Lane16>> pairs;
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  const auto ab_pairs = hn::BitCast(pairs, ab);
  const auto ce_pairs = hn::BitCast(pairs, ce);
  const auto low = hn::BitCast(d, hn::InterleaveLower(pairs, ab_pairs, ce_pairs));
  const auto high = hn::BitCast(d, hn::InterleaveUpper(pairs, ab_pairs, ce_pairs));
  sum_fours(d, hn::Add(low, high), out);
}
#endif

/// The products of one or two queries with four keys.
template <size_t row_count>
HWY_INLINE void score_four(const float* q0, const float* q1, size_t dim, const float* const* keys,
                           float* scores) {
  const Lane16 d;
  const size_t lanes = hn::Lanes(d);
  auto a0 = hn::Zero(d), a1 = hn::Zero(d), a2 = hn::Zero(d), a3 = hn::Zero(d);
  auto b0 = hn::Zero(d), b1 = hn::Zero(d), b2 = hn::Zero(d), b3 = hn::Zero(d);
  const float *k0 = keys[0], *k1 = keys[1], *k2 = keys[2], *k3 = keys[3];
  for (size_t i = 0; i < dim; i += lanes) {
    const size_t n = dim - i;
    const auto x0 = load_some(d, k0 + i, n);
    const auto x1 = load_some(d, k1 + i, n);
    const auto x2 = load_some(d, k2 + i, n);
    const auto x3 = load_some(d, k3 + i, n);
    const auto q = load_some(d, q0 + i, n);
    a0 = hn::MulAdd(q, x0, a0);
    a1 = hn::MulAdd(q, x1, a1);
    a2 = hn::MulAdd(q, x2, a2);
    a3 = hn::MulAdd(q, x3, a3);
    if constexpr (row_count == 2) {
      const auto r = load_some(d, q1 + i, n);
      b0 = hn::MulAdd(r, x0, b0);
      b1 = hn::MulAdd(r, x1, b1);
      b2 = hn::MulAdd(r, x2, b2);
      b3 = hn::MulAdd(r, x3, b3);
    }
  }
  sum_lanes(a0, a1, a2, a3, scores);
  if constexpr (row_count == 2) sum_lanes(b0, b1, b2, b3, scores + block_keys);
}

/// One step of the online softmax (Milakov and Gimelshein 2018): turns the scores of a block into
/// exp(scale * score - maximum), zero outside of `span`, adds them to `sum`, and moves the maximum;
/// what was summed under the old one is to be multiplied by `correction`.
HWY_INLINE void soften_scores(float scale, KeySpan span, float* scores, float& maximum, float& sum,
                              float& correction) {
  const Lane16 d;
  const size_t lanes = hn::Lanes(d);
  if (span.empty()) {
    std::fill_n(scores, block_keys, 0.0f);
    correction = 1.0f;
    return;
  }
  std::fill(scores, scores + span.begin, lowest_score);
  std::fill(scores + span.end, scores + block_keys, lowest_score);
  const auto factor = hn::Set(d, scale);
  auto highest = hn::Set(d, maximum);
  for (size_t j = span.begin; j < span.end; j += lanes) {
    const size_t n = std::min(lanes, span.end - j);
    const auto scaled = hn::Mul(factor, load_some(d, scores + j, n));
    store_some(scaled, d, scores + j, n);
    highest = hn::IfThenElse(hn::FirstN(d, n), hn::Max(highest, scaled), highest);
  }
  const float new_maximum = hn::ReduceMax(d, highest);
  const auto offset = hn::Set(d, new_maximum);
  auto total = hn::Zero(d);
  for (size_t j = 0; j < block_keys; j += lanes) {
    const auto p = exp_all(d, hn::Sub(hn::LoadU(d, scores + j), offset));
    hn::StoreU(p, d, scores + j);
    total = hn::Add(total, p);
  }
  correction = hn::GetLane(exp_all(d, hn::Set(d, maximum - new_maximum)));
  sum = sum * correction + hn::ReduceSum(d, total);
  maximum = new_maximum;
}

/// y *= factor
HWY_INLINE void scale_row(float factor, float* y, size_t n) {
  const Lane16 d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const size_t count = std::min(hn::Lanes(d), n - i);
    store_some(hn::Mul(hn::Set(d, factor), load_some(d, y + i, count)), d, y + i, count);
  }
}

/// Four vectors of columns: y_row = correction_row y_row + sum_j p[row, j] v_j.
template <size_t row_count>
HWY_INLINE void add_values_wide(const float* p, const float* const* values, KeySpan span,
                                size_t column, const float* corrections, float* y0, float* y1) {
  const Lane16 d;
  const size_t lanes = hn::Lanes(d);
  const auto first = hn::Set(d, corrections[0]);
  auto a0 = hn::Mul(first, hn::LoadU(d, y0));
  auto a1 = hn::Mul(first, hn::LoadU(d, y0 + lanes));
  auto a2 = hn::Mul(first, hn::LoadU(d, y0 + 2 * lanes));
  auto a3 = hn::Mul(first, hn::LoadU(d, y0 + 3 * lanes));
  auto b0 = hn::Zero(d), b1 = hn::Zero(d), b2 = hn::Zero(d), b3 = hn::Zero(d);
  if constexpr (row_count == 2) {
    const auto second = hn::Set(d, corrections[1]);
    b0 = hn::Mul(second, hn::LoadU(d, y1));
    b1 = hn::Mul(second, hn::LoadU(d, y1 + lanes));
    b2 = hn::Mul(second, hn::LoadU(d, y1 + 2 * lanes));
    b3 = hn::Mul(second, hn::LoadU(d, y1 + 3 * lanes));
  }
  for (size_t j = span.begin; j < span.end; ++j) {
    const float* v = values[j] + column;
    const auto v0 = hn::LoadU(d, v), v1 = hn::LoadU(d, v + lanes);
    const auto v2 = hn::LoadU(d, v + 2 * lanes), v3 = hn::LoadU(d, v + 3 * lanes);
    const auto p0 = hn::Set(d, p[j]);
    a0 = hn::MulAdd(p0, v0, a0);
    a1 = hn::MulAdd(p0, v1, a1);
    a2 = hn::MulAdd(p0, v2, a2);
    a3 = hn::MulAdd(p0, v3, a3);
    if constexpr (row_count == 2) {
      const auto p1 = hn::Set(d, p[block_keys + j]);
      b0 = hn::MulAdd(p1, v0, b0);
      b1 = hn::MulAdd(p1, v1, b1);
      b2 = hn::MulAdd(p1, v2, b2);
      b3 = hn::MulAdd(p1, v3, b3);
    }
  }
  hn::StoreU(a0, d, y0);
  hn::StoreU(a1, d, y0 + lanes);
  hn::StoreU(a2, d, y0 + 2 * lanes);
  hn::StoreU(a3, d, y0 + 3 * lanes);
  if constexpr (row_count == 2) {
    hn::StoreU(b0, d, y1);
    hn::StoreU(b1, d, y1 + lanes);
    hn::StoreU(b2, d, y1 + 2 * lanes);
    hn::StoreU(b3, d, y1 + 3 * lanes);
  }
}

/// The same for `n` columns of at most one vector.
template <size_t row_count>
HWY_INLINE void add_values_narrow(const float* p, const float* const* values, KeySpan span,
                                  size_t column, size_t n, const float* corrections, float* y0,
                                  float* y1) {
  const Lane16 d;
  auto a = hn::Mul(hn::Set(d, corrections[0]), load_some(d, y0, n));
  auto b = hn::Zero(d);
  if constexpr (row_count == 2) b = hn::Mul(hn::Set(d, corrections[1]), load_some(d, y1, n));
  for (size_t j = span.begin; j < span.end; ++j) {
    const auto v = load_some(d, values[j] + column, n);
    a = hn::MulAdd(hn::Set(d, p[j]), v, a);
    if constexpr (row_count == 2) b = hn::MulAdd(hn::Set(d, p[block_keys + j]), v, b);
  }
  store_some(a, d, y0, n);
  if constexpr (row_count == 2) store_some(b, d, y1, n);
}

/// `count` columns of the values, from `column` on, into the rows y0 and, for two rows, y1.
template <size_t row_count>
HWY_INLINE void add_values(const float* p, const float* const* values, KeySpan span, size_t column,
                           size_t count, const float* corrections, float* y0, float* y1) {
  const size_t lanes = hn::Lanes(Lane16());
  const size_t second = row_count == 2 ? 1 : 0;  // nothing is added to a null pointer
  size_t c = 0;
  for (; c + 4 * lanes <= count; c += 4 * lanes) {
    add_values_wide<row_count>(p, values, span, column + c, corrections, y0 + c, y1 + second * c);
  }
  for (; c < count; c += lanes) {
    const size_t n = std::min(lanes, count - c);
    add_values_narrow<row_count>(p, values, span, column + c, n, corrections, y0 + c,
                                 y1 + second * c);
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LINNET_RUNTIME_KERNELS_SOFTMAX_ATTENTION_INL_H_
