// The inner loops of the fast-weight recurrence: they run over the rows of two vectors of columns
// of S. Compiled once per instruction set, by Highway's foreach_target.h.
//
// Sums over rows are always made in the same order, however many columns a call has, so that
// neither the split of columns among threads nor that of tokens into chunks changes a bit of the
// result.

#if defined(LINNET_RUNTIME_KERNELS_FAST_WEIGHT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LINNET_RUNTIME_KERNELS_FAST_WEIGHT_INL_H_
#undef LINNET_RUNTIME_KERNELS_FAST_WEIGHT_INL_H_
#else
#define LINNET_RUNTIME_KERNELS_FAST_WEIGHT_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "runtime/base/kinds.h"
#include "runtime/kernels/fast_weight.h"
#include "runtime/kernels/math-inl.h"
#include "runtime/kernels/rows.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// Up to 16 columns: wider vectors would not let the columns of a head fill two of them.
using Columns = hn::CappedTag<float, 16>;
using ColumnVec = hn::Vec<Columns>;
/// Vectors of columns that the loops are written for.
constexpr size_t block_vectors = 2;

/// Rows of S that are done together. Sums are carried from tile to tile.
constexpr size_t tile_rows = 256;

/// One tile of a token's factors, a number per row of S.
struct RowFactors {
  const float* query = nullptr;
  const float* key = nullptr;
  const float* write = nullptr;  ///< b; rank_one only
  const float* decay = nullptr;  ///< per_key_channel only
  const float* next = nullptr;   ///< c of the next token, if that is recalled already
};

/// A token's factors and sums, a number per column of S.
struct ColumnFactors {
  static constexpr size_t size = block_vectors * hn::MaxLanes(Columns());

  HWY_ALIGN float correction[size] = {};  ///< p = S^T c
  HWY_ALIGN float update[size] = {};      ///< u, which is written as k u^T
  HWY_ALIGN float read[size] = {};        ///< o = S^T q
  HWY_ALIGN float next[size] = {};        ///< S^T c of the next token
  HWY_ALIGN float decay[size] = {};       ///< w, where it is not the rows that have their own
};

/// p += S^T c for the columns at s. Even and odd rows are summed apart: two vectors of columns then
/// keep four additions on their way.
HWY_NOINLINE void recall(const float* HWY_RESTRICT c, size_t rows, const float* HWY_RESTRICT s,
                         size_t stride, float* HWY_RESTRICT p) {
  const Columns d;
  const size_t lanes = hn::Lanes(d);
  auto even0 = hn::Load(d, p), odd0 = hn::Zero(d);
  auto even1 = hn::Load(d, p + lanes), odd1 = hn::Zero(d);
  size_t k = 0;
  for (; k + 2 <= rows; k += 2, s += 2 * stride) {
    const auto c0 = hn::Set(d, c[k]), c1 = hn::Set(d, c[k + 1]);
    even0 = hn::MulAdd(c0, hn::LoadU(d, s), even0);
    odd0 = hn::MulAdd(c1, hn::LoadU(d, s + stride), odd0);
    even1 = hn::MulAdd(c0, hn::LoadU(d, s + lanes), even1);
    odd1 = hn::MulAdd(c1, hn::LoadU(d, s + stride + lanes), odd1);
  }
  if (k < rows) {
    const auto c0 = hn::Set(d, c[k]);
    even0 = hn::MulAdd(c0, hn::LoadU(d, s), even0);
    even1 = hn::MulAdd(c0, hn::LoadU(d, s + lanes), even1);
  }
  hn::Store(hn::Add(even0, odd0), d, p);
  hn::Store(hn::Add(even1, odd1), d, p + lanes);
}

/// What differs between the update loops; the rest of the rules is prepared before them.
template <bool does_decay_rows, bool is_rank_one, bool is_read_first, bool is_recall_next>
struct Flavor {
  static constexpr bool decay_rows = does_decay_rows;  ///< w is of the rows, not of the columns
  static constexpr bool rank_one = is_rank_one;        ///< also adds b p^T
  static constexpr bool read_first = is_read_first;    ///< o is read of S before the update
  static constexpr bool recall_next = is_recall_next;  ///< saves the next token a pass over S
};

/// One vector of one row: S = w S + b p + k u, and o += q S before or after.
template <class F>
HWY_INLINE void update_vector(ColumnVec q, ColumnVec k, ColumnVec b, ColumnVec w, ColumnVec c,
                              ColumnVec u, ColumnVec p, float* HWY_RESTRICT s, ColumnVec& o,
                              ColumnVec& next) {
  const Columns d;
  auto value = hn::LoadU(d, s);
  if constexpr (F::read_first) o = hn::MulAdd(q, value, o);
  value = hn::Mul(w, value);
  if constexpr (F::rank_one) value = hn::MulAdd(b, p, value);
  value = hn::MulAdd(k, u, value);
  hn::StoreU(value, d, s);
  if constexpr (!F::read_first) o = hn::MulAdd(q, value, o);
  if constexpr (F::recall_next) next = hn::MulAdd(c, value, next);
}

template <class F>
HWY_INLINE void update_row(const RowFactors& factors, size_t row, ColumnVec w0, ColumnVec w1,
                           ColumnVec u0, ColumnVec u1, ColumnVec p0, ColumnVec p1,
                           float* HWY_RESTRICT s, ColumnVec& o0, ColumnVec& o1, ColumnVec& next0,
                           ColumnVec& next1) {
  const Columns d;
  const auto q = hn::Set(d, factors.query[row]);
  const auto k = hn::Set(d, factors.key[row]);
  auto b = hn::Zero(d), c = hn::Zero(d);
  if constexpr (F::rank_one) b = hn::Set(d, factors.write[row]);
  if constexpr (F::recall_next) c = hn::Set(d, factors.next[row]);
  if constexpr (F::decay_rows) w0 = w1 = hn::Set(d, factors.decay[row]);
  update_vector<F>(q, k, b, w0, c, u0, p0, s, o0, next0);
  update_vector<F>(q, k, b, w1, c, u1, p1, s + hn::Lanes(d), o1, next1);
}

/// Decays, corrects and writes the rows at s, and adds to the sums of `columns`.
template <class F>
HWY_NOINLINE void update(const RowFactors& row_factors, size_t rows, float* HWY_RESTRICT s,
                         size_t stride, ColumnFactors& columns) {
  const Columns d;
  const size_t lanes = hn::Lanes(d);
  const RowFactors factors = row_factors;  // a copy, which the stores to S cannot change
  const auto u0 = hn::Load(d, columns.update), u1 = hn::Load(d, columns.update + lanes);
  const auto p0 = hn::Load(d, columns.correction), p1 = hn::Load(d, columns.correction + lanes);
  const auto w0 = hn::Load(d, columns.decay), w1 = hn::Load(d, columns.decay + lanes);
  auto o0 = hn::Load(d, columns.read), o1 = hn::Load(d, columns.read + lanes);
  auto next0 = hn::Load(d, columns.next), next1 = hn::Load(d, columns.next + lanes);
  auto odd_o0 = hn::Zero(d), odd_o1 = hn::Zero(d), odd_next0 = hn::Zero(d), odd_next1 = hn::Zero(d);
  size_t k = 0;
  for (; k + 2 <= rows; k += 2, s += 2 * stride) {
    update_row<F>(factors, k, w0, w1, u0, u1, p0, p1, s, o0, o1, next0, next1);
    update_row<F>(factors, k + 1, w0, w1, u0, u1, p0, p1, s + stride, odd_o0, odd_o1, odd_next0,
                  odd_next1);
  }
  if (k < rows) update_row<F>(factors, k, w0, w1, u0, u1, p0, p1, s, o0, o1, next0, next1);
  hn::Store(hn::Add(o0, odd_o0), d, columns.read);
  hn::Store(hn::Add(o1, odd_o1), d, columns.read + lanes);
  hn::Store(hn::Add(next0, odd_next0), d, columns.next);
  hn::Store(hn::Add(next1, odd_next1), d, columns.next + lanes);
}

using UpdateFunction = void (*)(const RowFactors&, size_t, float*, size_t, ColumnFactors&);

template <bool decay_rows, bool rank_one>
UpdateFunction choose_update(bool read_first, bool recall_next) {
  if (recall_next) return update<Flavor<decay_rows, rank_one, false, true>>;
  return read_first ? update<Flavor<decay_rows, rank_one, true, false>>
                    : update<Flavor<decay_rows, rank_one, false, false>>;
}

/// `recall_next` is there for what is read after the write.
UpdateFunction choose_update(const FastWeightHead& head, bool recall_next) {
  const bool rank_one = head.rule == WriteRule::rank_one;
  const bool read_first = head.read == ReadOrder::before_write;
  if (head.decay_kind == DecayKind::per_key_channel) {
    return rank_one ? choose_update<true, true>(read_first, recall_next)
                    : choose_update<true, false>(read_first, recall_next);
  }
  return rank_one ? choose_update<false, true>(read_first, recall_next)
                  : choose_update<false, false>(read_first, recall_next);
}

/// S = tanh(S) for `columns` columns of the rows at s, and o += S^T q if asked to read.
HWY_NOINLINE void squash_rows(const float* query, size_t rows, float* s, size_t stride,
                              size_t columns, bool read, float* o) {
  const Columns d;
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < rows; ++k, s += stride) {
    const auto q = hn::Set(d, query[k]);
    for (size_t c = 0; c < columns; c += lanes) {
      const auto value = hn::Tanh(d, hn::LoadU(d, s + c));
      hn::StoreU(value, d, s + c);
      if (read) hn::StoreU(hn::MulAdd(q, value, hn::LoadU(d, o + c)), d, o + c);
    }
  }
}

/// Where the columns of S lie while they are worked on: in place, or, to be packed densely in L1 or
/// padded to whole vectors, in a buffer.
class StatePanel {
 public:
  StatePanel(MutableRows state, size_t rows, size_t first, size_t columns, size_t padded, bool pack)
      : state_{state.data + first, state.stride}, rows_(rows), columns_(columns), padded_(padded) {
    if (columns < padded || (pack && rows <= tile_rows)) place_ = rows <= tile_rows ? whole : tiles;
    if (place_ == whole) copy_in(0, rows);
  }

  StatePanel(const StatePanel&) = delete;
  StatePanel& operator=(const StatePanel&) = delete;

  size_t stride() const { return place_ == in_place ? state_.stride : padded_; }

  /// The rows from `first` on, valid until the next call.
  float* open(size_t first, size_t rows) {
    if (place_ == in_place) return state_[first];
    if (place_ == tiles) copy_in(first, rows);
    return buffer_;
  }

  /// Says that the open rows have changed.
  void commit(size_t first, size_t rows) {
    if (place_ == tiles) copy_out(first, rows);
  }

  void finish() {
    if (place_ == whole) copy_out(0, rows_);
  }

 private:
  HWY_NOINLINE void copy_in(size_t first, size_t rows) {
    for (size_t k = 0; k < rows; ++k) {
      float* row = buffer_ + k * padded_;
      std::copy_n(state_[first + k], columns_, row);
      std::fill(row + columns_, row + padded_, 0.0f);
    }
  }
  HWY_NOINLINE void copy_out(size_t first, size_t rows) {
    for (size_t k = 0; k < rows; ++k) {
      std::copy_n(buffer_ + k * padded_, columns_, state_[first + k]);
    }
  }

  HWY_ALIGN float buffer_[tile_rows * ColumnFactors::size];
  MutableRows state_;
  size_t rows_;
  size_t columns_;
  size_t padded_;
  enum { in_place, whole, tiles } place_ = in_place;
};

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LINNET_RUNTIME_KERNELS_FAST_WEIGHT_INL_H_
