#include "tests/ops/stored_rows.h"

#include <doctest/doctest.h>

#include "tools/convert/formats/half.h"
#include "tools/convert/passes/quantize_row.h"

namespace linnet::convert {

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::vector<float> made(count);
  for (float& value : made) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return made;
}

std::vector<float> stored_rows(std::span<const float> matrix, size_t width, WeightFormat format) {
  std::vector<float> stored(matrix.begin(), matrix.end());
  for (size_t first = 0; first < stored.size(); first += width) {
    const auto row = std::span(stored).subspan(first, width);
    if (format == WeightFormat::f16) {
      for (float& value : row) value = f16_to_f32(f32_to_f16(value));
    } else if (format == WeightFormat::int8) {
      std::vector<int8_t> quantized(width);
      std::vector<float> scales((width + kInt8Block - 1) / kInt8Block);
      REQUIRE(quantize_int8_blocks(row, quantized, scales));
      for (size_t i = 0; i < width; ++i) row[i] = scales[i / kInt8Block] * quantized[i];
    } else if (format == WeightFormat::int4) {
      std::vector<uint8_t> nibbles(width / 2);
      std::vector<uint16_t> scales(width / kInt4Block);
      REQUIRE(quantize_int4_blocks(row, nibbles, scales));
      for (size_t i = 0; i < width; ++i) {
        const int nibble = (nibbles[i / 2] >> (i % 2 * 4)) & 15;
        row[i] = bf16_to_f32(scales[i / kInt4Block]) * static_cast<float>(nibble - 8);
      }
    }
  }
  return stored;
}

}  // namespace linnet::convert
