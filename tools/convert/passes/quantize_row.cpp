#include "tools/convert/passes/quantize_row.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tools/convert/formats/half.h"

namespace linnet::convert {
namespace {

constexpr float kLowest = -8, kHighest = 7;
constexpr uint8_t kNibbleZero = 8;

/// The largest magnitude; not finite if a value isn't.
float largest_magnitude(std::span<const float> row) {
  float largest = 0;
  bool finite = true;
  for (const float value : row) {
    finite = finite && std::isfinite(value);
    largest = std::max(largest, std::fabs(value));
  }
  return finite ? largest : INFINITY;
}

/// The nearest integer within int4's range. Adding 1.5 * 2^23 leaves no room for a fraction, and
/// unlike std::nearbyint is done for a whole vector of values at once.
float nearest_int4(float value) {
  constexpr float kRounder = 0x1.8p23f;
  return std::clamp((std::clamp(value, -16.0f, 16.0f) + kRounder) - kRounder, kLowest, kHighest);
}

struct Fit {
  float scale = 1;
  float error = INFINITY;
};

/// The error of a scale, and the scale that would suit the integers it leads to best: the least
/// squares solution sum(w q) / sum(q q).
struct Trial {
  float error = 0;
  float refined = 0;
};

Trial try_scale(std::span<const float> values, float scale) {
  const float inverse = 1.0f / scale;
  float error = 0, products = 0, squares = 0;
  for (const float value : values) {
    const float q = nearest_int4(value * inverse);
    const float difference = value - q * scale;
    error += difference * difference;
    products += value * q;
    squares += q * q;
  }
  return {error, squares > 0 ? products / squares : scale};
}

/// Of the scales that put the largest magnitude at 5.5 to 9 steps, and of each's refinement, the
/// one of least error. Clipping the largest value a little often costs less than it saves the
/// others.
template <typename Storable>
Fit fit_scale(std::span<const float> values, float largest, const Storable& storable) {
  constexpr float kFewestSteps = 5.5f, kStride = 0.25f;
  constexpr int kTrials = 15;
  Fit best;
  const auto consider = [&](float wanted) {
    const float scale = storable(wanted);
    if (!(scale > 0) || !std::isnormal(scale)) return wanted;
    const Trial trial = try_scale(values, scale);
    if (trial.error < best.error) best = {scale, trial.error};
    return trial.refined;
  };
  for (int i = 0; i < kTrials; ++i) {
    consider(consider(largest / (kFewestSteps + kStride * static_cast<float>(i))));
  }
  return best.error < INFINITY ? best : Fit{1.0f, largest * largest};
}

float as_bf16(float value) { return bf16_to_f32(f32_to_bf16(value)); }
float as_f32(float value) { return value; }

void store_nibbles(std::span<const float> values, float scale, std::span<uint8_t> nibbles) {
  const float inverse = 1.0f / scale;
  const auto nibble = [&](size_t i) {
    return static_cast<uint8_t>(nearest_int4(values[i] * inverse) + kNibbleZero);
  };
  for (size_t i = 0; i < nibbles.size(); ++i) {
    nibbles[i] = static_cast<uint8_t>(nibble(2 * i) | (nibble(2 * i + 1) << 4));
  }
}

}  // namespace

bool quantize_int8(std::span<const float> row, std::span<int8_t> values, float& scale) {
  const float largest = largest_magnitude(row);
  if (!std::isfinite(largest)) return false;
  scale = largest / 127.0f;
  // A row whose largest value is below 127 times the smallest float has no scale either.
  if (!std::isnormal(scale)) scale = 1.0f;
  for (size_t i = 0; i < row.size(); ++i) {
    const float nearest = std::nearbyint(row[i] / scale);
    values[i] = static_cast<int8_t>(std::clamp(nearest, -127.0f, 127.0f));
  }
  return true;
}

bool quantize_int8_blocks(std::span<const float> row, std::span<int8_t> values,
                          std::span<float> scales) {
  for (size_t i = 0; i < scales.size(); ++i) {
    const size_t first = i * kInt8Block;
    const size_t count = std::min(kInt8Block, row.size() - first);
    if (!quantize_int8(row.subspan(first, count), values.subspan(first, count), scales[i]))
      return false;
  }
  return true;
}

bool quantize_int4_blocks(std::span<const float> row, std::span<uint8_t> nibbles,
                          std::span<uint16_t> scales) {
  for (size_t i = 0; i < scales.size(); ++i) {
    const auto block = row.subspan(i * kInt4Block, kInt4Block);
    const float largest = largest_magnitude(block);
    if (!std::isfinite(largest)) return false;
    const Fit fit = fit_scale(block, largest, as_bf16);
    scales[i] = f32_to_bf16(fit.scale);
    store_nibbles(block, fit.scale, nibbles.subspan(i * kInt4Block / 2, kInt4Block / 2));
  }
  return true;
}

bool quantize_int4_row(std::span<const float> row, std::span<uint8_t> nibbles, float& scale) {
  const float largest = largest_magnitude(row);
  if (!std::isfinite(largest)) return false;
  scale = fit_scale(row, largest, as_f32).scale;
  store_nibbles(row, scale, nibbles);
  return true;
}

Int4Errors int4_errors(std::span<const float> row) {
  Int4Errors errors;
  for (size_t i = 0; i + kInt4Block <= row.size(); i += kInt4Block) {
    const auto block = row.subspan(i, kInt4Block);
    errors.blocks += fit_scale(block, largest_magnitude(block), as_bf16).error;
  }
  errors.row = fit_scale(row, largest_magnitude(row), as_f32).error;
  return errors;
}

bool to_f16(std::span<const float> row, std::span<uint16_t> values) {
  constexpr uint16_t kExponent = 0x7c00;
  bool finite = true;
  for (size_t i = 0; i < row.size(); ++i) {
    values[i] = f32_to_f16(row[i]);
    finite = finite && (values[i] & kExponent) != kExponent;
  }
  return finite;
}

}  // namespace linnet::convert
