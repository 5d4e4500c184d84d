#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// A matrix of IEEE binary16 values, laid out in panels of 16 rows, each of half_panel_bytes: the
/// values of a column of all 16 rows at a time, then the biases, f32.
struct HalfPanels {
  const std::byte* panels = nullptr;  ///< aligned to 64 bytes
  size_t inputs = 0;
  size_t outputs = 0;

  size_t panel_count() const { return (outputs + 15) / 16; }
};

inline constexpr size_t half_panel_rows = 16;

size_t half_panel_bytes(size_t inputs);

/// Lays out a matrix [outputs, inputs], row-major. `bias` [outputs] may be null. Writes
/// panel_count() * half_panel_bytes bytes.
void pack_half(const uint16_t* matrix, const float* bias, size_t inputs, size_t outputs,
               std::byte* panels);

/// y[r, o] = x[r] . matrix[o] + bias[o] for the outputs of `count` panels from `first` on, summed
/// in f32 column after column. Panels may be split among threads; a result has the same bits
/// whatever the other rows and panels of a call are.
void multiply_half_panels(const HalfPanels& w, size_t rows, ConstRows x, size_t first, size_t count,
                          MutableRows y);

}  // namespace linnet::kernels
