#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/kinds.h"
#include "runtime/model/graph.h"

namespace linnet {

/// One matrix that an operator multiplies by, with its bias, as the file stores it plainly.
struct LinearWeights {
  DataType type = DataType::f32;
  size_t block = 0;  ///< int8, int4: values per scale along a row; 0: one scale per row
  size_t inputs = 0;
  size_t outputs = 0;
  const void* matrix =
      nullptr;  ///< [outputs, inputs], row-major; null: the file has it packed only
  /// int8, int4: f32 [outputs], or [outputs, inputs / block rounded up], bf16 of int4
  const void* scales = nullptr;
  const float* bias = nullptr;  ///< [outputs] or null

  /// Matrix `part` of `parts` of as many rows that lie one behind another in a tensor, and its part
  /// of the bias, unless that is -1.
  static LinearWeights of(const Graph& graph, int32_t matrix, int32_t bias, size_t part = 0,
                          size_t parts = 1);

  /// Scales of the whole matrix, and bytes of each.
  size_t scale_count() const {
    return block == 0 ? outputs : outputs * ((inputs + block - 1) / block);
  }
  size_t scale_bytes() const {
    return block != 0 && type == DataType::int4 ? sizeof(uint16_t) : sizeof(float);
  }
  /// Bytes of the plain matrix.
  size_t matrix_bytes() const;
};

}  // namespace linnet
