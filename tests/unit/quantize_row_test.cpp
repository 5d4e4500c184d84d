#include "tools/convert/passes/quantize_row.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tools/convert/formats/half.h"

namespace linnet::convert {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Values that look normally distributed.
std::vector<float> normal_values(size_t count) {
  std::vector<float> values(count);
  uint32_t seed = 1;
  for (float& value : values) {
    float sum = 0;
    for (int i = 0; i < 12; ++i) {
      seed = seed * 1664525u + 1013904223u;
      sum += static_cast<float>(seed >> 8) / 16777216.0f;
    }
    value = sum - 6.0f;
  }
  return values;
}

int nibble_at(const std::vector<uint8_t>& nibbles, size_t i) {
  return (nibbles[i / 2] >> (i % 2 * 4)) & 15;
}

double squared_error(float value, float scale, int nibble) {
  const double difference = double{value} - double{scale} * (nibble - 8);
  return difference * difference;
}

struct Blocks {
  explicit Blocks(const std::vector<float>& row)
      : nibbles(row.size() / 2), scales(row.size() / kInt4Block) {
    REQUIRE(quantize_int4_blocks(row, nibbles, scales));
    for (size_t i = 0; i < row.size(); ++i) {
      error += squared_error(row[i], bf16_to_f32(scales[i / kInt4Block]), nibble_at(nibbles, i));
    }
  }
  std::vector<uint8_t> nibbles;
  std::vector<uint16_t> scales;
  double error = 0;
};

/// What the usual choice leaves: the largest magnitude at 7 steps.
double error_of_largest(const std::vector<float>& row) {
  double error = 0;
  for (size_t first = 0; first < row.size(); first += kInt4Block) {
    float largest = 0;
    for (size_t i = first; i < first + kInt4Block; ++i)
      largest = std::max(largest, std::fabs(row[i]));
    const float scale = largest / 7;
    for (size_t i = first; i < first + kInt4Block; ++i)
      error += squared_error(row[i], scale, static_cast<int>(std::nearbyint(row[i] / scale)) + 8);
  }
  return error;
}

}  // namespace

TEST_CASE("int8: a row's largest value becomes 127, the others the nearest multiple of the scale") {
  const std::array<float, 6> row = {-2.54f, 0.03f, 0.01f, 0.0f, 1.0f, 2.0f};
  std::array<int8_t, 6> values = {};
  float scale = 0;
  REQUIRE(quantize_int8(row, values, scale));
  CHECK(scale == 2.54f / 127.0f);
  CHECK(values[0] == -127);
  for (size_t i = 0; i < row.size(); ++i)
    CHECK(std::fabs(row[i] - scale * values[i]) <= scale * 0.5001f);
}

TEST_CASE("int8: every block of a long row has its own scale, the last may be shorter") {
  std::vector<float> row(kInt8Block + 3, 0.5f);
  row[7] = -127.0f;
  row[kInt8Block + 1] = 1.27f;
  std::vector<int8_t> values(row.size());
  std::array<float, 2> scales = {};
  REQUIRE(quantize_int8_blocks(row, values, scales));
  CHECK(scales[0] == 1.0f);
  CHECK(scales[1] == doctest::Approx(0.01));
  CHECK(values[7] == -127);
  CHECK(values[8] == 0);
  CHECK(values[kInt8Block] == 50);
  CHECK(values[kInt8Block + 1] == 127);
  row.back() = INFINITY;
  CHECK_FALSE(quantize_int8_blocks(row, values, scales));
}

TEST_CASE("int8: halves are rounded to even") {
  const std::array<float, 5> row = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f};
  std::array<int8_t, 5> values = {};
  float scale = 0;
  REQUIRE(quantize_int8(row, values, scale));
  CHECK(scale == 1.0f);
  CHECK(values == std::array<int8_t, 5>{127, 0, 2, 2, 0});
}

TEST_CASE("int8: rows of zeros or of the smallest numbers have scale 1; of no number, none") {
  std::array<int8_t, 2> values = {1, 1};
  float scale = 0;
  for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min()}) {
    REQUIRE(quantize_int8(std::array{tiny, 0.0f}, values, scale));
    CHECK(scale == 1.0f);
    CHECK(values == std::array<int8_t, 2>{0, 0});
  }
  REQUIRE(quantize_int8(std::array{std::numeric_limits<float>::max(), 0.0f}, values, scale));
  CHECK(values[0] == 127);
  CHECK_FALSE(quantize_int8(std::array{1.0f, kNan}, values, scale));
  CHECK_FALSE(quantize_int8(std::array{kNan, 1.0f}, values, scale));
  CHECK_FALSE(quantize_int8(std::array{1.0f, -INFINITY}, values, scale));
}

TEST_CASE("int4: values on the grid of a block come back as they were, low nibble first") {
  std::vector<float> row(2 * kInt4Block);
  for (size_t i = 0; i < row.size(); ++i) {
    const float scale = i < kInt4Block ? 0.5f : 2.0f;
    row[i] = scale * (static_cast<float>(i % 16) - 8.0f);
  }
  const Blocks blocks(row);
  CHECK(bf16_to_f32(blocks.scales[0]) == 0.5f);
  CHECK(bf16_to_f32(blocks.scales[1]) == 2.0f);
  CHECK(blocks.nibbles[0] == 0x10);
  for (size_t i = 0; i < row.size(); ++i) CHECK(nibble_at(blocks.nibbles, i) == int(i % 16));
}

TEST_CASE("int4: the chosen scales leave clearly less error than the largest magnitude's") {
  const std::vector<float> row = normal_values(64 * kInt4Block);
  CHECK(Blocks(row).error < 0.9 * error_of_largest(row));
}

TEST_CASE("int4: blocks of zeros or of the smallest numbers are zeros; of no number, none") {
  for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min()}) {
    const Blocks blocks(std::vector<float>(kInt4Block, tiny));
    CHECK(bf16_to_f32(blocks.scales[0]) == 1.0f);
    CHECK(blocks.nibbles == std::vector<uint8_t>(kInt4Block / 2, 0x88));
  }
  for (const float bad : {kNan, INFINITY}) {
    std::vector<float> row(kInt4Block, 1.0f);
    row[3] = bad;
    std::vector<uint8_t> nibbles(kInt4Block / 2);
    std::vector<uint16_t> scales(1);
    float scale = 0;
    CHECK_FALSE(quantize_int4_blocks(row, nibbles, scales));
    CHECK_FALSE(quantize_int4_row(row, nibbles, scale));
  }
}

TEST_CASE("int4: one scale for a row loses nothing where all blocks have the same, and else much") {
  std::vector<float> row(4 * kInt4Block);
  for (size_t i = 0; i < row.size(); ++i) row[i] = 0.25f * (static_cast<float>(i % 15) - 7.0f);
  Int4Errors errors = int4_errors(row);
  CHECK(errors.row <= errors.blocks);
  std::vector<uint8_t> nibbles(row.size() / 2);
  float scale = 0;
  REQUIRE(quantize_int4_row(row, nibbles, scale));
  CHECK(scale == 0.25f);
  for (size_t i = 0; i < row.size(); ++i) CHECK(nibble_at(nibbles, i) == int(i % 15) + 1);

  errors = int4_errors(normal_values(64 * kInt4Block));
  CHECK(errors.row > errors.blocks);
}

TEST_CASE("f16: the nearest value, and none for what is too large") {
  std::array<uint16_t, 2> values = {};
  REQUIRE(to_f16(std::array{0.1f, -2.0f}, values));
  CHECK(values[0] == f32_to_f16(0.1f));
  CHECK(f16_to_f32(values[1]) == -2.0f);
  CHECK_FALSE(to_f16(std::array{1.0f, 70000.0f}, values));
  CHECK_FALSE(to_f16(std::array{kNan, 1.0f}, values));
}

}  // namespace linnet::convert
