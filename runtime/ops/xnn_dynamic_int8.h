#pragma once

#include <xnnpack.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/base/kinds.h"

namespace linnet {

/// A dynamic_int8 activation in the arena: a zero point and a scale per row, then the rows. XNNPACK
/// wants room behind both. A dynamic_int16 one is the same with twice the rows: after the rows come
/// those of what int8 left over of each.
class DynamicInt8 {
 public:
  /// Rows that a matrix kernel does at once, at most (XNN_MAX_MR). It reads the parameters of as
  /// many, so that after the last row there must be copies of its own: XNNPACK makes 10, which its
  /// int4 kernel of 14 rows reads beyond.
  static constexpr size_t extra_parameters = 16;
  static_assert(extra_parameters >= XNN_EXTRA_QUANTIZATION_PARAMS);

  /// int8 rows that stand for one row of a type; 0 if the type has none.
  static constexpr size_t pieces(DataType type) {
    if (type == DataType::dynamic_int16) return 2;
    return type == DataType::dynamic_int8 ? 1 : 0;
  }

  static size_t bytes(size_t rows, size_t columns) {
    return parameter_bytes(rows) + rows * columns + XNN_EXTRA_BYTES;
  }

  DynamicInt8() = default;
  DynamicInt8(std::byte* memory, size_t largest_rows)
      : parameters_(reinterpret_cast<xnn_quantization_params*>(memory)),
        values_(reinterpret_cast<int8_t*>(memory + parameter_bytes(largest_rows))) {}

  xnn_quantization_params* parameters() const { return parameters_; }
  int8_t* values() const { return values_; }

  /// After `rows` rows, at least one, have been made: puts the copies of the last one's behind it.
  void repeat_last_parameters(size_t rows) const {
    std::fill_n(parameters_ + rows, extra_parameters, parameters_[rows - 1]);
  }

 private:
  static size_t parameter_bytes(size_t rows) {
    constexpr size_t alignment = 64;
    const size_t bytes = (rows + extra_parameters) * sizeof(xnn_quantization_params);
    return (bytes + alignment - 1) / alignment * alignment;
  }

  xnn_quantization_params* parameters_ = nullptr;
  int8_t* values_ = nullptr;
};

}  // namespace linnet
