#pragma once

#include <xnnpack.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/base/kinds.h"
#include "runtime/kernels/quantize_rows.h"
#include "runtime/kernels/rows.h"

namespace linnet {

/// Rows of an activation as integers, in the arena, with what they are multiples of.
///
/// dynamic_int8, which int4 and int8 matrices are multiplied by, is XNNPACK's: a zero point and a
/// scale per row, then the rows, with room behind both. dynamic_int16, which int8 matrices are
/// multiplied by where that is too coarse, is ours: a scale per row, then the rows as
/// kernels::Int16Rows describes them.
class QuantizedRows {
 public:
  /// Rows that a matrix kernel of XNNPACK's does at once, at most (XNN_MAX_MR). It reads the
  /// parameters of as many, so that after the last row there must be copies of its own: XNNPACK
  /// makes 10, which its int4 kernel of 14 rows reads beyond.
  static constexpr size_t extra_parameters = 16;
  static_assert(extra_parameters >= XNN_EXTRA_QUANTIZATION_PARAMS);

  static bool has_type(DataType type) {
    return type == DataType::dynamic_int8 || type == DataType::dynamic_int16;
  }

  /// Whether matrices of a type are multiplied by rows of another.
  static bool fit(DataType rows, DataType weights) {
    return rows == type_for(weights) ||
           (weights == DataType::int8 && rows == DataType::dynamic_int8);
  }

  /// The finest rows that matrices of a type are multiplied by; f32 for those that take such.
  static DataType type_for(DataType weights) {
    if (weights == DataType::int8) return DataType::dynamic_int16;
    return weights == DataType::int4 ? DataType::dynamic_int8 : DataType::f32;
  }

  /// Memory of `rows` rows of a type, which is one of the two.
  static size_t bytes(DataType type, size_t rows, size_t columns) {
    return head_bytes(type, rows) + rows * row_bytes(type, columns) + XNN_EXTRA_BYTES;
  }

  /// Of which one row is this much, without its parameters.
  static size_t row_bytes(DataType type, size_t columns) {
    return type == DataType::dynamic_int8 ? columns : kernels::Int16Rows::row_bytes(columns);
  }

  QuantizedRows() = default;
  QuantizedRows(DataType type, std::byte* memory, size_t largest_rows, size_t columns)
      : type_(type),
        head_(memory),
        values_(memory + head_bytes(type, largest_rows)),
        stride_(row_bytes(type, columns)) {}

  DataType type() const { return type_; }
  std::byte* values() const { return values_; }

  // Of dynamic_int8 rows.
  xnn_quantization_params* parameters() const {
    return reinterpret_cast<xnn_quantization_params*>(head_);
  }
  int8_t* int8_values() const { return reinterpret_cast<int8_t*>(values_); }
  kernels::Int8Rows int8_rows() const {
    using Parameters = kernels::Int8Rows::Parameters;
    static_assert(sizeof(Parameters) == sizeof(xnn_quantization_params) &&
                  offsetof(Parameters, scale) == offsetof(xnn_quantization_params, scale));
    return {int8_values(), reinterpret_cast<const Parameters*>(head_), stride_};
  }

  // Of dynamic_int16 rows.
  float* scales() const { return reinterpret_cast<float*>(head_); }
  uint8_t* int16_row(size_t row) const {
    return reinterpret_cast<uint8_t*>(values_ + row * stride_);
  }
  kernels::Int16Rows int16_rows() const { return {int16_row(0), scales(), stride_}; }

  /// Makes rows [first, first + count) of those of x, [.., columns].
  void quantize(kernels::ConstRows x, size_t columns, size_t first, size_t count) const {
    for (size_t row = first; row < first + count; ++row) {
      if (type_ == DataType::dynamic_int8) {
        const kernels::Int8Rows::Parameters made = kernels::quantize_int8(
            x[row], columns, reinterpret_cast<int8_t*>(values_ + row * stride_));
        parameters()[row] = {made.zero_point, made.scale};
      } else {
        scales()[row] = kernels::quantize_int16(x[row], columns, int16_row(row));
      }
    }
  }

  /// Row `to` becomes row `row` of `from`, whose type and columns are the same.
  void copy_row(const QuantizedRows& from, size_t row, size_t to) const {
    std::memcpy(values_ + to * stride_, from.values_ + row * stride_, stride_);
    if (type_ == DataType::dynamic_int8) {
      parameters()[to] = from.parameters()[row];
    } else {
      scales()[to] = from.scales()[row];
    }
  }

  /// After `rows` rows, at least one, have been made: puts behind them what kernels read there.
  void finish(size_t rows) const {
    if (type_ == DataType::dynamic_int8)
      std::fill_n(parameters() + rows, extra_parameters, parameters()[rows - 1]);
  }

 private:
  static size_t head_bytes(DataType type, size_t rows) {
    constexpr size_t alignment = 64;
    const size_t bytes = type == DataType::dynamic_int8
                             ? (rows + extra_parameters) * sizeof(xnn_quantization_params)
                             : rows * sizeof(float);
    return (bytes + alignment - 1) / alignment * alignment;
  }

  DataType type_ = DataType::f32;
  std::byte* head_ = nullptr;
  std::byte* values_ = nullptr;
  size_t stride_ = 0;
};

}  // namespace linnet
