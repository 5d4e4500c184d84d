#pragma once

#include <cstddef>
#include <cstdint>

namespace linnet::kernels {

/// What quantising a row to int8 left over, as int8 again:
/// low[i] = round((x[i] - scale (high[i] - zero_point)) / (scale / residual_steps)), in [-127,
/// 127]. Together the two pieces hold a value to about 16 bits of the row's range.
void quantize_residual(const float* x, const int8_t* high, float scale, int32_t zero_point,
                       size_t count, int8_t* low);

/// Steps of the low piece per step of the high one: rounding to it left half a step either way.
inline constexpr float residual_steps = 254.0f;

/// y[i] = high[i] + low[i] - bias[i]: the product of a row is that of its two pieces, each of which
/// had the bias added. `bias` may be null.
void join_pieces(const float* high, const float* low, const float* bias, size_t count, float* y);

}  // namespace linnet::kernels
