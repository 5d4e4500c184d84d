#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/kernels/rows.h"
#include "runtime/kernels/targets.h"
// After targets.h, which says what Highway compiles for.
#include <hwy/highway.h>
#include <hwy/targets.h>

// What the tests of kernels share: every instruction set in turn, and rows of floats among guards.
namespace linnet::test {

/// Calls body once for each instruction set that is compiled in and that this CPU has.
template <typename Body>
void for_each_target(const Body& body) {
  int64_t left = hwy::SupportedTargets() & HWY_TARGETS;
  REQUIRE(left != 0);
  for (; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const std::string name = hwy::TargetName(target);
    INFO("instruction set " << name);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// The lengths at which vector loops change their ways, for vectors of up to 16 floats.
inline std::vector<size_t> lengths() {
  std::vector<size_t> all;
  for (size_t n = 0; n <= 35; ++n) all.push_back(n);
  return all;
}

inline uint32_t bits(float value) {
  uint32_t result;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

/// Rows of floats that start off any alignment, with guards before, between and behind them.
class TestRows {
 public:
  TestRows(size_t rows, size_t width, size_t gap = 3)
      : rows_(rows), width_(width), stride_(width + gap), values_(rows * stride_ + 2 * margin) {
    for (float& value : values_) value = guard;
  }

  /// Normally distributed, times `scale`, plus `offset`.
  TestRows& fill(std::mt19937& random, float scale = 1.0f, float offset = 0.0f) {
    std::normal_distribution<float> normal;
    for (size_t r = 0; r < rows_; ++r) {
      for (size_t c = 0; c < width_; ++c) at(r, c) = offset + scale * normal(random);
    }
    return *this;
  }
  TestRows& fill_with(float value) {
    for (size_t r = 0; r < rows_; ++r) {
      for (size_t c = 0; c < width_; ++c) at(r, c) = value;
    }
    return *this;
  }

  size_t rows() const { return rows_; }
  size_t width() const { return width_; }
  float& at(size_t r, size_t c) { return values_[margin + r * stride_ + c]; }
  float at(size_t r, size_t c) const { return values_[margin + r * stride_ + c]; }
  float* data() { return values_.data() + margin; }
  /// The rows from `row` on, as a kernel's input and as its output.
  kernels::ConstRows in(size_t row = 0) const {
    return {values_.data() + margin + row * stride_, stride_};
  }
  kernels::MutableRows out(size_t row = 0) { return {data() + row * stride_, stride_}; }

  bool guards_intact() const {
    for (size_t i = 0; i < values_.size(); ++i) {
      const bool inside =
          i >= margin && i - margin < rows_ * stride_ && (i - margin) % stride_ < width_;
      if (!inside && bits(values_[i]) != bits(guard)) return false;
    }
    return true;
  }

 private:
  static constexpr size_t margin = 17;
  static constexpr float guard = -1.2345e30f;

  size_t rows_;
  size_t width_;
  size_t stride_;
  std::vector<float> values_;
};

/// The largest |a - b| / max(1, |b|); infinite if one is not a number and the other is.
inline double largest_difference(const TestRows& a, const TestRows& b) {
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.width() == b.width());
  double largest = 0;
  for (size_t r = 0; r < a.rows(); ++r) {
    for (size_t c = 0; c < a.width(); ++c) {
      const double x = a.at(r, c);
      const double y = b.at(r, c);
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      const double difference = std::abs(x - y) / std::max(1.0, std::abs(y));
      largest = difference <= largest ? largest : (std::isnan(difference) ? INFINITY : difference);
    }
  }
  return largest;
}

inline bool same_bits(const TestRows& a, const TestRows& b) {
  for (size_t r = 0; r < a.rows(); ++r) {
    for (size_t c = 0; c < a.width(); ++c) {
      if (bits(a.at(r, c)) != bits(b.at(r, c))) return false;
    }
  }
  return true;
}

}  // namespace linnet::test
