// How int8 matrices are laid out: plain loops, since it happens once.

#include <algorithm>
#include <cstring>

#include "runtime/kernels/int8_matrix.h"

namespace linnet::kernels {
namespace {

constexpr size_t line = int8_panel_rows * sizeof(int32_t);

size_t divided_up(size_t value, size_t divisor) { return (value + divisor - 1) / divisor; }

void put_float(std::byte* to, size_t index, float value) {
  std::memcpy(to + index * sizeof value, &value, sizeof value);
}

/// Row `row` of the panel that it belongs to, `at` in it being the row's first byte.
void pack_row(const int8_t* weights, const float* scales, size_t block, float bias, size_t inputs,
              size_t row, std::byte* panel) {
  double excess = 0;
  for (size_t k = 0; k < inputs; k += int8_run) {
    const float scale = scales[k / block];
    const size_t end = std::min(k + int8_run, inputs);
    put_float(panel, row, scale);
    panel += line;
    int32_t sum = 0;
    for (size_t i = k; i < end; ++i) {
      sum += weights[i];
      panel[(i - k) / 4 * line + row * 4 + (i - k) % 4] = static_cast<std::byte>(weights[i]);
    }
    panel += divided_up(end - k, 4) * line;
    excess += 32768.0 * static_cast<double>(scale) * sum;
  }
  put_float(panel, row, static_cast<float>(excess));
  put_float(panel + line, row, bias);
}

}  // namespace

size_t int8_panel_bytes(size_t inputs) {
  constexpr size_t excess_and_bias = 2;
  return (divided_up(inputs, int8_run) + divided_up(inputs, 4) + excess_and_bias) * line;
}

void pack_int8(const int8_t* matrix, const float* scales, size_t block, const float* bias,
               size_t inputs, size_t outputs, std::byte* panels) {
  const size_t panel_bytes = int8_panel_bytes(inputs);
  const size_t row_scales = divided_up(inputs, block);
  std::fill_n(panels, divided_up(outputs, int8_panel_rows) * panel_bytes, std::byte{0});
  for (size_t o = 0; o < outputs; ++o) {
    pack_row(matrix + o * inputs, scales + o * row_scales, block, bias == nullptr ? 0.0f : bias[o],
             inputs, o % int8_panel_rows, panels + o / int8_panel_rows * panel_bytes);
  }
}

}  // namespace linnet::kernels
