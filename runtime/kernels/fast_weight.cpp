#include "runtime/kernels/fast_weight.h"

#include <algorithm>
#include <cmath>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/fast_weight.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/fast_weight-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

/// From this many tokens on, copying the columns of S to a dense buffer and back costs less than
/// the cache lines that rows far apart evict from each other.
constexpr size_t pack_tokens = 3;

struct MultiplyColumns {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, V z) const {
    return hn::Mul(x, z);
  }
};

/// Two vectors of columns, of which the first `count` exist, through all tokens.
class ColumnBlock {
 public:
  ColumnBlock(const FastWeightHead& head, size_t first, size_t count)
      : head_(head),
        first_(first),
        count_(count),
        padded_(block_vectors * hn::Lanes(Columns())),
        corrects_(head.rule != WriteRule::additive),
        fuses_(corrects_ && head.tokens > 1 && head.squash == Squash::none &&
               head.read == ReadOrder::after_write),
        update_(choose_update(head, false)),
        update_and_recall_(choose_update(head, fuses_)),
        panel_(head.state, head.key_dim, first, count, padded_, head.tokens >= pack_tokens) {}

  void run() {
    if (corrects_) recall_for(0);
    for (size_t t = 0; t < head_.tokens; ++t) {
      const bool last = t + 1 == head_.tokens;
      prepare(t);
      step(t, fuses_ && !last);
      if (head_.read != ReadOrder::after_all) write_output(t);
      if (corrects_ && !fuses_ && !last) recall_for(t + 1);
    }
    if (head_.read == ReadOrder::after_all) read_all();
    panel_.finish();
  }

 private:
  size_t tile(size_t first) const { return std::min(tile_rows, head_.key_dim - first); }

  const float* corrector(size_t t) const {
    return head_.rule == WriteRule::delta ? head_.key[t] : head_.correct[t];
  }

  /// The correction is of S after the decay: by as much are c, where every key channel has a decay
  /// of its own, or the sum S^T c decayed instead, which comes to the same.
  bool decays(DecayKind kind) const {
    return head_.decay_kind == kind && !head_.correct_before_decay;
  }

  /// Rows [k, k + rows) of c, decayed into `buffer` if need be.
  const float* corrector_tile(size_t t, size_t k, size_t rows, float* buffer) const {
    const float* c = corrector(t) + k;
    if (!decays(DecayKind::per_key_channel)) return c;
    map(c, head_.decay[t] + k, buffer, rows, MultiplyColumns());
    return buffer;
  }

  HWY_NOINLINE void recall_for(size_t t) {
    HWY_ALIGN float buffer[tile_rows];
    std::fill_n(columns_.next, padded_, 0.0f);
    for (size_t k = 0; k < head_.key_dim; k += tile_rows) {
      const size_t rows = tile(k);
      const float* c = corrector_tile(t, k, rows, buffer);
      recall(c, rows, panel_.open(k, rows), panel_.stride(), columns_.next);
    }
  }

  /// w, p, and u = v, or beta (v - p) for the delta rule.
  HWY_INLINE void prepare(size_t t) {
    const Columns d;
    const bool per_value = head_.decay_kind == DecayKind::per_value_channel;
    const bool decays_sum = decays(DecayKind::per_head) || decays(DecayKind::per_value_channel);
    const auto one = hn::Set(d, 1.0f);
    auto decay = one;
    if (head_.decay_kind == DecayKind::per_head) decay = hn::Set(d, head_.decay[t][0]);
    const auto beta = head_.rule == WriteRule::delta ? hn::Set(d, head_.beta[t][0]) : one;
    for (size_t i = 0; i < block_vectors; ++i) {
      const size_t c = i * hn::Lanes(d);
      if (per_value) decay = load(head_.decay[t], c);
      const auto next = hn::Load(d, columns_.next + c);
      const auto p = decays_sum ? hn::Mul(decay, next) : next;
      auto u = load(head_.value[t], c);
      if (head_.rule == WriteRule::delta) u = hn::Mul(beta, hn::Sub(u, p));
      hn::Store(decay, d, columns_.decay + c);
      hn::Store(p, d, columns_.correction + c);
      hn::Store(u, d, columns_.update + c);
      hn::Store(hn::Zero(d), d, columns_.read + c);
      hn::Store(hn::Zero(d), d, columns_.next + c);
    }
  }

  HWY_INLINE void step(size_t t, bool recall_next) {
    HWY_ALIGN float buffer[tile_rows];
    for (size_t k = 0; k < head_.key_dim; k += tile_rows) {
      const size_t rows = tile(k);
      float* s = panel_.open(k, rows);
      RowFactors factors = row_factors(t, k);
      if (recall_next) factors.next = corrector_tile(t + 1, k, rows, buffer);
      (recall_next ? update_and_recall_ : update_)(factors, rows, s, panel_.stride(), columns_);
      if (head_.squash == Squash::tanh) squash_tile(factors.query, k, rows, s);
      panel_.commit(k, rows);
    }
  }

  HWY_INLINE RowFactors row_factors(size_t t, size_t k) const {
    RowFactors factors;
    factors.query = head_.query[t] + k;
    factors.key = head_.key[t] + k;
    if (head_.rule == WriteRule::rank_one) factors.write = head_.write[t] + k;
    if (head_.decay_kind == DecayKind::per_key_channel) factors.decay = head_.decay[t] + k;
    return factors;
  }

  /// The update that reads after the write has read too early: S is read again once it is squashed.
  HWY_NOINLINE void squash_tile(const float* query, size_t k, size_t rows, float* s) {
    const bool read = head_.read == ReadOrder::after_write;
    if (read && k == 0) std::fill_n(squashed_read_, padded_, 0.0f);
    squash_rows(query, rows, s, panel_.stride(), padded_, read, squashed_read_);
    if (read) std::copy_n(squashed_read_, padded_, columns_.read);
  }

  /// Outputs of all tokens, of what S is in the end.
  HWY_NOINLINE void read_all() {
    for (size_t t = 0; t < head_.tokens; ++t) {
      std::fill_n(columns_.read, padded_, 0.0f);
      for (size_t k = 0; k < head_.key_dim; k += tile_rows) {
        const size_t rows = tile(k);
        recall(head_.query[t] + k, rows, panel_.open(k, rows), panel_.stride(), columns_.read);
      }
      write_output(t);
    }
  }

  HWY_INLINE void write_output(size_t t) {
    const Columns d;
    const bool has_bonus = head_.read == ReadOrder::before_write && head_.bonus != nullptr;
    const auto bonus = hn::Set(d, has_bonus ? bonus_weight(t) : 0.0f);
    const float factor = head_.read_factor != nullptr ? head_.read_factor[t] : 1.0f;
    const auto scale = hn::Set(d, head_.scale * factor);
    for (size_t i = 0; i < block_vectors; ++i) {
      const size_t c = i * hn::Lanes(d);
      auto o = hn::Load(d, columns_.read + c);
      if (has_bonus) o = hn::MulAdd(bonus, load(head_.value[t], c), o);
      store(hn::Mul(scale, o), head_.output[t], c);
    }
  }

  /// q . (bonus * k)
  HWY_NOINLINE float bonus_weight(size_t t) const {
    const hn::ScalableTag<float> d;
    const float* q = head_.query[t];
    const float* k = head_.key[t];
    auto sum = hn::Zero(d);
    for (size_t i = 0; i < head_.key_dim; i += hn::Lanes(d)) {
      const size_t n = head_.key_dim - i;
      const auto bonus_k = hn::Mul(load_some(d, head_.bonus + i, n), load_some(d, k + i, n));
      sum = hn::MulAdd(load_some(d, q + i, n), bonus_k, sum);
    }
    return hn::ReduceSum(d, sum);
  }

  /// One vector of this block's columns of a row, from column `c` of the block on.
  HWY_INLINE ColumnVec load(const float* row, size_t c) const {
    if (HWY_LIKELY(count_ == padded_)) return hn::LoadU(Columns(), row + first_ + c);
    const size_t at = std::min(c, count_);
    return load_rest(Columns(), row + first_ + at, count_ - at);
  }
  HWY_INLINE void store(ColumnVec value, float* row, size_t c) const {
    if (HWY_LIKELY(count_ == padded_)) return hn::StoreU(value, Columns(), row + first_ + c);
    const size_t at = std::min(c, count_);
    store_rest(value, Columns(), row + first_ + at, count_ - at);
  }

  const FastWeightHead& head_;
  const size_t first_;
  const size_t count_;
  const size_t padded_;  ///< count_, rounded up to whole vectors
  const bool corrects_;  ///< something is recalled before it is corrected
  const bool fuses_;     ///< a token's update also recalls for the next token
  const UpdateFunction update_;
  const UpdateFunction update_and_recall_;
  ColumnFactors columns_;
  HWY_ALIGN float squashed_read_[ColumnFactors::size];
  StatePanel panel_;
};

void fast_weight(const FastWeightHead& head, size_t first, size_t count) {
  const size_t columns = block_vectors * hn::Lanes(Columns());
  for (size_t done = 0; done < count; done += columns)
    ColumnBlock(head, first + done, std::min(columns, count - done)).run();
}

/// Two vectors of columns, but a cache line at least.
size_t fast_weight_block() { return std::max<size_t>(16, block_vectors * hn::Lanes(Columns())); }

/// z = w z + k
HWY_INLINE void add_key(const FastWeightHead& head, size_t t, float* z) {
  const hn::ScalableTag<float> d;
  const bool per_head = head.decay_kind == DecayKind::per_head;
  const bool per_key = head.decay_kind == DecayKind::per_key_channel;
  auto decay = hn::Set(d, per_head ? head.decay[t][0] : 1.0f);
  for (size_t i = 0; i < head.key_dim; i += hn::Lanes(d)) {
    const size_t n = head.key_dim - i;
    if (per_key) decay = load_some(d, head.decay[t] + i, n);
    const auto value = hn::Mul(decay, load_some(d, z + i, n));
    store_some(hn::Add(value, load_some(d, head.key[t] + i, n)), d, z + i, n);
  }
}

HWY_NOINLINE float normalizing_factor(const FastWeightHead& head, size_t t, const float* z,
                                      float epsilon, float query_epsilon) {
  const hn::ScalableTag<float> d;
  auto products = hn::Zero(d), sums = hn::Zero(d);
  for (size_t i = 0; i < head.key_dim; i += hn::Lanes(d)) {
    const size_t n = head.key_dim - i;
    const auto q = load_some(d, head.query[t] + i, n);
    products = hn::MulAdd(q, load_some(d, z + i, n), products);
    sums = hn::Add(sums, q);
  }
  const float product = head.scale * hn::ReduceSum(d, products);
  if (head.floor) return 1.0f / (std::max(std::abs(product), head.floor[t][0]) + epsilon);
  return 1.0f / (product + epsilon + query_epsilon * hn::ReduceSum(d, sums));
}

void fast_weight_normalizer(const FastWeightHead& head, float* z, float epsilon,
                            float query_epsilon, float* factor) {
  const bool reads_last = head.read == ReadOrder::after_all;
  for (size_t t = 0; t < head.tokens; ++t) {
    add_key(head, t, z);
    if (!reads_last) factor[t] = normalizing_factor(head, t, z, epsilon, query_epsilon);
  }
  for (size_t t = 0; t < head.tokens && reads_last; ++t) {
    factor[t] = normalizing_factor(head, t, z, epsilon, query_epsilon);
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(fast_weight);
HWY_EXPORT(fast_weight_block);
HWY_EXPORT(fast_weight_normalizer);

void fast_weight(const FastWeightHead& head, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(fast_weight)(head, first, count);
}

size_t fast_weight_block() { return HWY_DYNAMIC_DISPATCH(fast_weight_block)(); }

void fast_weight_normalizer(const FastWeightHead& head, float* z, float epsilon,
                            float query_epsilon, float* factor) {
  HWY_DYNAMIC_DISPATCH(fast_weight_normalizer)(head, z, epsilon, query_epsilon, factor);
}

}  // namespace linnet::kernels
#endif
