#pragma once

#include <xnnpack.h>

#include "runtime/kernels/plain_matrix.h"
#include "runtime/model/matrix_place.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_dynamic_int8.h"

namespace linnet {

/// y = x W^T + bias for one matrix of the model. By XNNPACK: f32 weights, or int8 and int4 ones
/// with rows that are made int8 before. By a kernel of ours, which reads them as they lie in the
/// file: f16 weights.
class MatrixProduct {
 public:
  /// Whether x are dynamic_int8 rows.
  static bool takes_int8(DataType weights) {
    return weights == DataType::int8 || weights == DataType::int4;
  }

  /// That `matrix` is a [rows, columns] weight of a type that can be multiplied by.
  static Status check(const Site& site, const Tensor* matrix, const char* role, size_t rows,
                      size_t columns);

  /// That `x` is an activation as such a matrix takes it, `columns` wide.
  static Status check_input(const Site& site, const Tensor* x, DataType weights, size_t columns);

  MatrixProduct() = default;
  MatrixProduct(const MatrixProduct&) = delete;
  MatrixProduct& operator=(const MatrixProduct&) = delete;
  ~MatrixProduct();

  /// Strides are elements from one row to the next.
  Status prepare(const Bindings& bindings, const MatrixPlace& matrix, size_t input_stride,
                 size_t output_stride);

  Status run(size_t rows, const float* x, float* y);
  Status run(size_t rows, const DynamicInt8& x, float* y);

 private:
  /// How a kind of weights is multiplied.
  enum class Kernel : uint8_t { f32, f16, int8, int4_rows, int4_blocks };

  static Kernel kernel_of(const LinearWeights& weights);
  pthreadpool_t threads_for(size_t rows) const;
  xnn_status set_up(size_t rows, const DynamicInt8& x, float* y);
  Status finish(size_t rows, xnn_status status, const void* x, const float* y);

  Kernel kernel_ = Kernel::f32;
  xnn_operator_t operator_ = nullptr;
  kernels::HalfMatrix half_;
  size_t inputs_ = 0;
  size_t outputs_ = 0;
  size_t input_stride_ = 0;
  size_t output_stride_ = 0;
  pthreadpool_t threads_ = nullptr;
  // What the operator is set up for.
  size_t rows_ = 0;
  const void* x_ = nullptr;
  const float* y_ = nullptr;
};

}  // namespace linnet
