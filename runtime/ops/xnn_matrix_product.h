#pragma once

#include <xnnpack.h>

#include "runtime/kernels/half_panels.h"
#include "runtime/kernels/int8_matrix.h"
#include "runtime/model/matrix_place.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/quantized_rows.h"

namespace linnet {

/// y = activation(x W^T + bias) for one matrix of the model. By XNNPACK: f32 weights, and int4 ones
/// with rows that are made int8 before. By kernels of ours: f16 weights, and int8 ones with rows
/// that are made 16 or 8 bits wide before.
class MatrixProduct {
 public:
  /// Whether x are rows of integers.
  static bool takes_quantized(DataType weights) {
    return QuantizedRows::type_for(weights) != DataType::f32;
  }

  /// Whether weights of a type are multiplied panel by panel, by kernels of ours.
  static bool has_panels(DataType weights) {
    return weights == DataType::f16 || weights == DataType::int8;
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

  /// Strides are elements from one row to the next; x's is not looked at where it is quantised.
  Status prepare(const Bindings& bindings, const MatrixPlace& matrix, Activation activation,
                 size_t input_stride, size_t output_stride);

  Status run(size_t rows, const float* x, float* y);
  Status run(size_t rows, const QuantizedRows& x, float* y);

  /// Of a matrix in panels: their number, and columns of y that some of them make, on this thread.
  size_t panels() const;
  void run_panels(size_t rows, const float* x, size_t first, size_t count,
                  kernels::MutableRows y) const;
  void run_panels(size_t rows, const QuantizedRows& x, size_t first, size_t count,
                  kernels::MutableRows y) const;

  /// Multiply-adds.
  size_t work(size_t rows) const { return rows * inputs_ * outputs_; }

 private:
  /// How a kind of weights is multiplied.
  enum class Kernel : uint8_t { f32, f16, int8, int4_rows, int4_blocks };

  static Kernel kernel_of(const LinearWeights& weights);
  pthreadpool_t threads_for(size_t rows) const;
  template <class Input>
  void run_all_panels(size_t rows, const Input& x, kernels::MutableRows y);
  xnn_status set_up(size_t rows, const QuantizedRows& x, float* y);
  Status finish(size_t rows, xnn_status status, const void* x, kernels::MutableRows y);
  void activate(size_t rows, size_t column, size_t columns, kernels::MutableRows y) const;
  void activate_panels(size_t rows, size_t first, size_t count, kernels::MutableRows y) const;

  Kernel kernel_ = Kernel::f32;
  xnn_operator_t operator_ = nullptr;
  kernels::HalfPanels half_;
  kernels::Int8Matrix int8_;
  Activation activation_ = Activation::none;
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
