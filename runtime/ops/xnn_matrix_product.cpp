#include "runtime/ops/xnn_matrix_product.h"

#include "runtime/ops/parallel.h"

namespace linnet {

Status MatrixProduct::check(const Site& site, const Tensor* matrix, const char* role, size_t rows,
                            size_t columns) {
  if (matrix == nullptr || matrix->type == DataType::f32)
    return site.expect_weight(matrix, role, {rows, columns});
  const bool is_known = takes_int8(matrix->type) || matrix->type == DataType::f16;
  if (matrix->storage != Storage::weight || !is_known)
    return site.fail("has a matrix of a type that this runtime does not multiply");
  const bool fits = matrix->rank == 2 && matrix->rows() == Dimension(rows) &&
                    matrix->columns() == Dimension(columns) && matrix->data != nullptr;
  return fits ? Status::ok() : site.fail("has a matrix of another size than its operator, or none");
}

Status MatrixProduct::check_input(const Site& site, const Tensor* x, DataType weights,
                                  size_t columns) {
  if (!takes_int8(weights)) return site.expect_activation(x, "input", columns);
  if (x != nullptr && x->type == DataType::dynamic_int8 && x->columns() == Dimension(columns))
    return Status::ok();
  return site.fail(
      "has an int8 or int4 matrix, but an input that is not dynamic_int8 of as many columns");
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
                              size_t input_stride, size_t output_stride) {
  const LinearWeights weights = matrix.weights(bindings.graph());
  kernel_ = kernel_of(weights);
  inputs_ = weights.inputs;
  outputs_ = weights.outputs;
  input_stride_ = input_stride;
  output_stride_ = output_stride;
  threads_ = bindings.threads();
  if (kernel_ == Kernel::f16) {
    half_ = {.matrix = static_cast<const uint16_t*>(weights.matrix),
             .inputs = inputs_,
             .outputs = outputs_,
             .bias = weights.bias};
    return Status::ok();
  }
  return bindings.packed_weights().create_operator(bindings.graph(), matrix, input_stride,
                                                   output_stride, &operator_);
}

pthreadpool_t MatrixProduct::threads_for(size_t rows) const {
  return rows * inputs_ * outputs_ < matrix_parallel_threshold ? nullptr : threads_;
}

Status MatrixProduct::run(size_t rows, const float* x, float* y) {
  if (rows == 0) return Status::ok();
  if (kernel_ == Kernel::f16) {
    parallel_for(threads_, outputs_, rows * inputs_ * outputs_, [&](size_t first, size_t count) {
      kernels::multiply_half(half_, rows, {x, input_stride_}, first, count, {y, output_stride_});
    });
    return Status::ok();
  }
  xnn_status status = xnn_status_success;
  if (rows != rows_ || x != x_ || y != y_) {
    status = xnn_reshape_fully_connected_nc_f32(operator_, rows, threads_for(rows));
    if (status == xnn_status_success) status = xnn_setup_fully_connected_nc_f32(operator_, x, y);
  }
  return finish(rows, status, x, y);
}

Status MatrixProduct::run(size_t rows, const DynamicInt8& x, float* y) {
  if (rows == 0) return Status::ok();
  xnn_status status = xnn_status_success;
  if (rows != rows_ || x.values() != x_ || y != y_) status = set_up(rows, x, y);
  return finish(rows, status, x.values(), y);
}

xnn_status MatrixProduct::set_up(size_t rows, const DynamicInt8& x, float* y) {
  pthreadpool_t threads = threads_for(rows);
  xnn_status status = xnn_status_success;
  switch (kernel_) {
    case Kernel::int8:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qc8w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qc8w(operator_, x.values(), y, x.parameters());
    case Kernel::int4_rows:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qc4w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qc4w(operator_, x.values(), y, x.parameters());
    case Kernel::int4_blocks:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qb4w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qb4w(operator_, x.values(), y, x.parameters());
    case Kernel::f32:
    case Kernel::f16:
      break;
  }
  return xnn_status_invalid_state;
}

Status MatrixProduct::finish(size_t rows, xnn_status status, const void* x, const float* y) {
  if (status == xnn_status_success) {
    rows_ = rows;
    x_ = x;
    y_ = y;
    status = xnn_run_operator(operator_, threads_for(rows));
  }
  if (status == xnn_status_success) return Status::ok();
  return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d", static_cast<int>(status));
}

}  // namespace linnet
