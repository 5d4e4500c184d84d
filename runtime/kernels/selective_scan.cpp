#include "runtime/kernels/selective_scan.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/selective_scan.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

using Columns = hn::CappedTag<float, 16>;
using ColumnVec = hn::Vec<Columns>;

/// States that are done together. Their columns lie in a dense buffer meanwhile: rows of the state
/// are often a multiple of 4 KiB apart and would evict each other from L1.
constexpr size_t tile_states = 64;

/// One vector of columns, of which the first `count` exist, through all tokens.
class ScanColumns {
 public:
  ScanColumns(const SelectiveScanArguments& arguments, size_t column, size_t count)
      : arguments_(arguments), column_(column), count_(count) {}

  template <ScanInput input>
  void run() {
    for (size_t first = 0; first < arguments_.states; first += tile_states) {
      first_ = first;
      states_ = std::min(tile_states, arguments_.states - first);
      copy_in();
      for (size_t t = 0; t < arguments_.tokens; ++t) step<input>(t);
      copy_out();
    }
  }

 private:
  static constexpr size_t stride = hn::MaxLanes(Columns());

  template <ScanInput input>
  HWY_INLINE void step(size_t t) {
    const Columns d;
    const auto x = load(arguments_.x[t]);
    const auto dt = load(arguments_.step[t]);
    const bool is_first = t == 0 && arguments_.starts_stream;
    auto y = first_ == 0 ? skipped(x) : load(arguments_.y[t]);
    for (size_t n = 0; n < states_; ++n) {
      const auto exponent = hn::Mul(dt, hn::Load(d, rates_ + n * stride));
      auto gain = dt;
      if constexpr (input == ScanInput::unit_variance) {
        gain = is_first ? hn::Set(d, 1.0f) : unit_variance_gain(exponent);
      }
      auto driven = hn::Mul(gain, x);
      if (arguments_.write) driven = hn::Mul(driven, hn::Set(d, arguments_.write[t][first_ + n]));
      const auto h = hn::MulAdd(exp_all(d, exponent), hn::Load(d, memory_ + n * stride), driven);
      hn::Store(h, d, memory_ + n * stride);
      y = arguments_.read ? hn::MulAdd(hn::Set(d, arguments_.read[t][first_ + n]), h, y)
                          : hn::Add(y, h);
    }
    store(y, arguments_.y[t]);
  }

  /// sqrt(1 - exp(2 e)), without the cancellation near e = 0.
  static HWY_INLINE ColumnVec unit_variance_gain(ColumnVec exponent) {
    const Columns d;
    return hn::Sqrt(hn::Neg(hn::Expm1(d, hn::Add(exponent, exponent))));
  }

  HWY_INLINE ColumnVec skipped(ColumnVec x) const {
    const Columns d;
    return arguments_.skip != nullptr ? hn::Mul(load(arguments_.skip), x) : hn::Zero(d);
  }

  void copy_in() {
    const Columns d;
    for (size_t n = 0; n < states_; ++n) {
      hn::Store(load(arguments_.state[first_ + n]), d, memory_ + n * stride);
      hn::Store(load(arguments_.rates[first_ + n]), d, rates_ + n * stride);
    }
  }
  void copy_out() const {
    const Columns d;
    for (size_t n = 0; n < states_; ++n) {
      store(hn::Load(d, memory_ + n * stride), arguments_.state[first_ + n]);
    }
  }

  HWY_INLINE ColumnVec load(const float* row) const {
    return load_some(Columns(), row + column_, count_);
  }
  HWY_INLINE void store(ColumnVec value, float* row) const {
    store_some(value, Columns(), row + column_, count_);
  }

  HWY_ALIGN float memory_[tile_states * stride];
  HWY_ALIGN float rates_[tile_states * stride];
  const SelectiveScanArguments& arguments_;
  const size_t column_;
  const size_t count_;
  size_t first_ = 0;  ///< the tile's states
  size_t states_ = 0;
};

void selective_scan(const SelectiveScanArguments& arguments, size_t first, size_t count) {
  const size_t lanes = hn::Lanes(Columns());
  for (size_t column = first; column < first + count; column += lanes) {
    ScanColumns columns(arguments, column, std::min(lanes, first + count - column));
    if (arguments.input == ScanInput::unit_variance) {
      columns.run<ScanInput::unit_variance>();
    } else {
      columns.run<ScanInput::step>();
    }
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(selective_scan);

void selective_scan(const SelectiveScanArguments& arguments, size_t first, size_t count) {
  HWY_DYNAMIC_DISPATCH(selective_scan)(arguments, first, count);
}

}  // namespace linnet::kernels
#endif
