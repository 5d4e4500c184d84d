#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// A matrix that is read as it lies in the file.
template <typename Value>
struct PlainMatrix {
  const Value* matrix = nullptr;  ///< [outputs, inputs], row-major
  size_t inputs = 0;
  size_t outputs = 0;
  const float* bias = nullptr;  ///< [outputs] or null
};
using HalfMatrix = PlainMatrix<uint16_t>;  ///< of IEEE binary16 values
using FloatMatrix = PlainMatrix<float>;

/// y[r, o] = x[r] . matrix[o] + bias[o] for the outputs [first, first + count), summed in f32.
/// x is [rows, inputs], y [rows, outputs]. Outputs may be split among threads; a result has the
/// same bits whatever the other rows and outputs of a call are.
void multiply_half(const HalfMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                   MutableRows y);
void multiply_float(const FloatMatrix& w, size_t rows, ConstRows x, size_t first, size_t count,
                    MutableRows y);

}  // namespace linnet::kernels
