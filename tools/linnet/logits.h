#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace linnet::cli {

/// Index of the largest value; the first of equal ones.
size_t argmax(std::span<const float> values);

/// The largest absolute value.
double largest_magnitude(std::span<const float> values);

/// The largest absolute difference, element by element; infinite if any value is not a number.
double largest_difference(std::span<const float> a, std::span<const float> b);

/// Rows of `columns` values whose largest value stands at the same index in both.
size_t equal_argmax_rows(std::span<const float> a, std::span<const float> b, size_t columns);

/// A difference as a share of a scale, which may be 0 where there is none.
double relative(double difference, double scale);

}  // namespace linnet::cli
