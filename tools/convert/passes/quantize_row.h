#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace linnet::convert {

/// Values per scale of an int4 row; what Linnet's matrix kernels take at least.
inline constexpr size_t kInt4Block = 32;

/// Values per scale of an int8 row that is longer: what Linnet's matrix kernel takes at least. The
/// largest of 1024 values that are normally distributed is a fifth larger than that of 256, and the
/// rounding of all others with it.
inline constexpr size_t kInt8Block = 256;

/// A row, or a block of one, as int8, symmetric: values are nearest(row / scale), ties to even, and
/// scale is max |row| / 127. Zeros have scale 1. False if a value is not finite.
bool quantize_int8(std::span<const float> row, std::span<int8_t> values, float& scale);

/// A row with a scale for every kInt8Block values, the last of which may be fewer.
bool quantize_int8_blocks(std::span<const float> row, std::span<int8_t> values,
                          std::span<float> scales);

/// One row as int4: value = (nibble - 8) * scale, two nibbles per byte, the first one low, and a
/// bfloat16 scale for every kInt4Block values, of which the row is a multiple. Each scale is the
/// one of those tried that leaves the smallest squared error, not simply the largest magnitude's.
/// False if a value is not finite.
bool quantize_int4_blocks(std::span<const float> row, std::span<uint8_t> nibbles,
                          std::span<uint16_t> scales);

/// The same with one f32 scale for the whole row, of even length.
bool quantize_int4_row(std::span<const float> row, std::span<uint8_t> nibbles, float& scale);

/// Squared errors that int4 leaves in a row with a scale per block and with one for the row.
struct Int4Errors {
  double blocks = 0;
  double row = 0;
};
Int4Errors int4_errors(std::span<const float> row);

/// One row as binary16, each value the nearest. False if one is not finite or too large.
bool to_f16(std::span<const float> row, std::span<uint16_t> values);

}  // namespace linnet::convert
