#pragma once

#include <cstddef>
#include <cstdint>

namespace linnet::kernels {

/// Rows of 16-bit integers: x[i] is about scale * q[i], |q[i]| <= 32767. As two unsigned bytes of
/// q[i] + 32768, since vectors multiply bytes: four high ones, then the four low ones that belong
/// to them, and so on. A row's last group is filled up.
struct Int16Rows {
  static size_t row_bytes(size_t columns) { return (columns + 3) / 4 * 8; }

  const uint8_t* values = nullptr;
  const float* scales = nullptr;  ///< one per row
  size_t stride = 0;              ///< bytes from one row to the next
};

/// Rows of 8-bit integers, as XNNPACK makes them: x[i] is about scale * (q[i] - zero_point).
struct Int8Rows {
  struct Parameters {
    int32_t zero_point = 0;
    float scale = 0;
  };

  const int8_t* values = nullptr;  ///< up to 3 bytes behind a row are read, and count nothing
  const Parameters* parameters = nullptr;  ///< one per row
  size_t stride = 0;
};

/// One row of 16-bit integers made of `count` values: writes row_bytes(count) bytes and returns the
/// scale, which is not a number if a value isn't.
float quantize_int16(const float* x, size_t count, uint8_t* q);

/// The same with 8-bit integers, of which one stands for 0 exactly. Writes `count` of them.
Int8Rows::Parameters quantize_int8(const float* x, size_t count, int8_t* q);

}  // namespace linnet::kernels
