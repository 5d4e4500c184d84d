#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace linnet::convert {

/// Adds to `*sum`; false, leaving it as it was, where the result does not fit.
[[nodiscard]] inline bool checked_add(uint64_t* sum, uint64_t value) {
  if (value > std::numeric_limits<uint64_t>::max() - *sum) return false;
  *sum += value;
  return true;
}

/// Multiplies `*product`; false, leaving it as it was, where the result does not fit.
[[nodiscard]] inline bool checked_multiply(uint64_t* product, uint64_t value) {
  if (value != 0 && *product > std::numeric_limits<uint64_t>::max() / value) return false;
  *product *= value;
  return true;
}

/// Whether [offset, offset + size) lies in [0, total).
[[nodiscard]] inline bool range_fits(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

/// A file's or tensor's size, for memory of as much: bytes or values. Throws std::bad_alloc where a
/// machine of 32 bits cannot count so far.
[[nodiscard]] inline size_t memory_size(uint64_t size) {
  const auto counted = static_cast<size_t>(size);
  if (counted != size) throw std::bad_alloc();
  return counted;
}

}  // namespace linnet::convert
