#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/quantize_rows.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// A matrix of int8 weights with a scale for every `int8_run` of them along a row, laid out in
/// panels of 16 rows, each of int8_panel_bytes: for every run the 16 scales, and the weights of
/// four columns of all 16 rows at a time; then what every row's products are too high by, since
/// those of q + 32768 are summed (per unit of x's scale), and the biases.
struct Int8Matrix {
  const std::byte* panels = nullptr;  ///< aligned to 64 bytes
  size_t inputs = 0;
  size_t outputs = 0;

  size_t panel_count() const { return (outputs + 15) / 16; }
};

inline constexpr size_t int8_panel_rows = 16;

/// Weights per scale. Whole numbers hold a run's products: 256 * 128 * 65535 < 2^31.
inline constexpr size_t int8_run = 256;

size_t int8_panel_bytes(size_t inputs);

/// Lays out a matrix [outputs, inputs] that has `block` weights per scale along a row (a multiple
/// of int8_run, or any number that no row exceeds), scales [outputs, inputs / block rounded up].
/// `bias` may be null. Writes panel_count() * int8_panel_bytes bytes.
void pack_int8(const int8_t* matrix, const float* scales, size_t block, const float* bias,
               size_t inputs, size_t outputs, std::byte* panels);

/// y[r, o] = x[r] . matrix[o] + bias[o] for the outputs of `count` panels from `first` on. Panels
/// may be split among threads; a result has the same bits whatever the other rows and panels of a
/// call are.
void multiply_int8(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first, size_t count,
                   MutableRows y);
void multiply_int8(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first, size_t count,
                   MutableRows y);

}  // namespace linnet::kernels
