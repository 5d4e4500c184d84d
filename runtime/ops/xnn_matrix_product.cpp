#include "runtime/ops/xnn_matrix_product.h"

#include <algorithm>

#include "runtime/base/selection.h"
#include "runtime/kernels/elementwise.h"
#include "runtime/ops/parallel.h"

namespace linnet {

Status MatrixProduct::check(const Site& site, const Tensor* matrix, const char* role, size_t rows,
                            size_t columns) {
  if (matrix == nullptr) return site.expect_weight(matrix, role, {rows, columns});
  const bool is_known = takes_quantized(matrix->type) || matrix->type == DataType::f32 ||
                        matrix->type == DataType::f16;
  if (matrix->storage != Storage::weight || !is_known)
    return site.fail("has a matrix of a type that this runtime does not multiply");
  const bool fits = matrix->rank == 2 && matrix->rows() == Dimension(rows) &&
                    matrix->columns() == Dimension(columns);
  return fits ? Status::ok() : site.fail("has a matrix of another size than its operator");
}

Status MatrixProduct::check_input(const Site& site, const Tensor* x, DataType weights,
                                  size_t columns) {
  if (!takes_quantized(weights)) return site.expect_activation(x, "input", columns);
  const bool fits = x != nullptr && x->storage == Storage::activation &&
                    QuantizedRows::fit(x->type, weights) && x->rank == 2 &&
                    x->columns() == Dimension(columns);
  if (fits) return Status::ok();
  return site.fail(
      weights == DataType::int8
          ? "has an int8 matrix, but an input that is not dynamic_int8 or _int16 of as many columns"
          : "has an int4 matrix, but an input that is not dynamic_int8 of as many columns");
}

MatrixProduct::~MatrixProduct() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

MatrixProduct::Kernel MatrixProduct::kernel_of(const LinearWeights& weights) {
  switch (weights.type) {
    case DataType::f16:
      return Kernel::f16;
    case DataType::int8:
      return Kernel::int8;
    case DataType::int4:
      return weights.block == 0 ? Kernel::int4_rows : Kernel::int4_blocks;
    default:
      return Kernel::f32;
  }
}

Status MatrixProduct::prepare(const Bindings& bindings, const MatrixPlace& matrix,
                              Activation activation, size_t input_stride, size_t output_stride) {
  const LinearWeights weights = matrix.weights(bindings.graph());
  kernel_ = kernel_of(weights);
  activation_ = activation;
  inputs_ = weights.inputs;
  outputs_ = weights.outputs;
  input_stride_ = input_stride;
  output_stride_ = output_stride;
  threads_ = bindings.threads();
  switch (kernel_) {
    case Kernel::f16:
      half_ = {.panels = bindings.packed_weights().packed(matrix),
               .inputs = inputs_,
               .outputs = outputs_};
      return Status::ok();
    case Kernel::int8:
      int8_ = {.panels = bindings.packed_weights().packed(matrix),
               .inputs = inputs_,
               .outputs = outputs_};
      return Status::ok();
    default:
      // Quantised rows lie one behind another.
      return bindings.packed_weights().create_operator(
          bindings.graph(), matrix, takes_quantized(weights.type) ? inputs_ : input_stride,
          output_stride, &operator_);
  }
}

pthreadpool_t MatrixProduct::threads_for(size_t rows) const {
  return work(rows) < matrix_parallel_threshold ? nullptr : threads_;
}

/// Of some of the columns, which one thread does right after it made them.
void MatrixProduct::activate(size_t rows, size_t column, size_t columns,
                             kernels::MutableRows y) const {
  if (activation_ == Activation::none) return;
  for (size_t row = 0; row < rows; ++row) kernels::activate(activation_, y[row] + column, columns);
}

void MatrixProduct::activate_panels(size_t rows, size_t first, size_t count,
                                    kernels::MutableRows y) const {
  static_assert(kernels::half_panel_rows == kernels::int8_panel_rows);
  const size_t column = first * kernels::int8_panel_rows;
  activate(rows, column, std::min(count * kernels::int8_panel_rows, outputs_ - column), y);
}

Status MatrixProduct::run(size_t rows, const float* x, float* y) {
  if (rows == 0) return Status::ok();
  if (has_weights_of<DataType::f16> && kernel_ == Kernel::f16) {
    run_all_panels(rows, x, {y, output_stride_});
    return Status::ok();
  }
  xnn_status status = xnn_status_success;
  if (has_weights_of<DataType::f32> && (rows != rows_ || x != x_ || y != y_)) {
    status = xnn_reshape_fully_connected_nc_f32(operator_, rows, threads_for(rows));
    if (status == xnn_status_success) status = xnn_setup_fully_connected_nc_f32(operator_, x, y);
  }
  return finish(rows, status, x, {y, output_stride_});
}

Status MatrixProduct::run(size_t rows, const QuantizedRows& x, float* y) {
  if (rows == 0) return Status::ok();
  if (has_weights_of<DataType::int8> && kernel_ == Kernel::int8) {
    run_all_panels(rows, x, {y, output_stride_});
    return Status::ok();
  }
  xnn_status status = xnn_status_success;
  if (has_weights_of<DataType::int4> && (rows != rows_ || x.values() != x_ || y != y_))
    status = set_up(rows, x, y);
  return finish(rows, status, x.values(), {y, output_stride_});
}

size_t MatrixProduct::panels() const {
  return kernel_ == Kernel::f16 ? half_.panel_count() : int8_.panel_count();
}

void MatrixProduct::run_panels(size_t rows, const float* x, size_t first, size_t count,
                               kernels::MutableRows y) const {
  if (!has_weights_of<DataType::f16>) return;
  kernels::multiply_half_panels(half_, rows, {x, input_stride_}, first, count, y);
  activate_panels(rows, first, count, y);
}

void MatrixProduct::run_panels(size_t rows, const QuantizedRows& x, size_t first, size_t count,
                               kernels::MutableRows y) const {
  if (!has_weights_of<DataType::int8>) return;
  if (x.type() == DataType::dynamic_int16) {
    kernels::multiply_int8(int8_, rows, x.int16_rows(), first, count, y);
  } else {
    kernels::multiply_int8(int8_, rows, x.int8_rows(), first, count, y);
  }
  activate_panels(rows, first, count, y);
}

template <class Input>
void MatrixProduct::run_all_panels(size_t rows, const Input& x, kernels::MutableRows y) {
  parallel_for(threads_for(rows), panels(), work(rows),
               [&](size_t first, size_t count) { run_panels(rows, x, first, count, y); });
}

xnn_status MatrixProduct::set_up(size_t rows, const QuantizedRows& x, float* y) {
  pthreadpool_t threads = threads_for(rows);
  if (kernel_ == Kernel::int4_rows) {
    const xnn_status status = xnn_reshape_fully_connected_nc_qd8_f32_qc4w(operator_, rows, threads);
    if (status != xnn_status_success) return status;
    return xnn_setup_fully_connected_nc_qd8_f32_qc4w(operator_, x.int8_values(), y, x.parameters());
  }
  const xnn_status status = xnn_reshape_fully_connected_nc_qd8_f32_qb4w(operator_, rows, threads);
  if (status != xnn_status_success) return status;
  return xnn_setup_fully_connected_nc_qd8_f32_qb4w(operator_, x.int8_values(), y, x.parameters());
}

Status MatrixProduct::finish(size_t rows, xnn_status status, const void* x,
                             kernels::MutableRows y) {
  if (status == xnn_status_success) {
    rows_ = rows;
    x_ = x;
    y_ = y.data;
    count_fork_join(threads_for(rows));
    status = xnn_run_operator(operator_, threads_for(rows));
  }
  if (status != xnn_status_success) {
    return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d",
                         static_cast<int>(status));
  }
  if (activation_ != Activation::none) {
    parallel_for(threads_, rows, rows * outputs_ * 4, [&](size_t first, size_t count) {
      activate(count, 0, outputs_, {y[first], y.stride});
    });
  }
  return Status::ok();
}

}  // namespace linnet
