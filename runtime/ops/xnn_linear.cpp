#include "runtime/ops/xnn_linear.h"

#include <algorithm>

#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/residual.h"
#include "runtime/ops/parallel.h"

namespace linnet {

Status Linear::check(const Site& site) {
  Status status = site.expect_counts(3, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor* weight = site.input(1);
  if (x == nullptr || weight == nullptr || x->storage != Storage::activation || x->rank != 2 ||
      weight->storage != Storage::weight || weight->rank != 2) {
    return site.fail("needs an activation and a matrix");
  }
  const size_t outputs = weight->shape[0].number();
  const size_t inputs = weight->shape[1].number();
  if (inputs == 0 || outputs == 0) return site.fail("has an empty matrix");
  const bool is_quantized = weight->type == DataType::int8 || weight->type == DataType::int4;
  if (is_quantized) {
    if (DynamicInt8::pieces(x->type) == 0 || !(x->columns() == Dimension(inputs))) {
      return site.fail(
          "has an int8 or int4 matrix, but an input that is not dynamic_int8 or dynamic_int16 of "
          "as "
          "many columns");
    }
  } else if (weight->type == DataType::f32 ||
             (weight->type == DataType::f16 && weight->data != nullptr)) {
    status = site.expect_activation(x, "input", inputs);
    if (status.failed()) return status;
  } else {
    return site.fail("has a matrix of a type that this runtime does not multiply");
  }
  status = site.expect_optional_weight(site.input(2), "bias", {outputs});
  if (status.failed()) return status;
  return site.expect_activation(&site.output(0), "output", x->rows(), outputs);
}

/// The products of both pieces of every row.
size_t Linear::scratch_bytes(const Site& site, const Extents& largest) {
  const Tensor& y = site.output(0);
  const size_t pieces = DynamicInt8::pieces(site.input(0)->type);
  return pieces < 2 ? 0 : pieces * y.rows().in(largest)*y.columns().number() * sizeof(float);
}

Linear::~Linear() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

Linear::Kernel Linear::kernel_of(const Tensor& matrix) {
  switch (matrix.type) {
    case DataType::f16:
      return Kernel::f16;
    case DataType::int8:
      return Kernel::int8;
    case DataType::int4:
      return matrix.block == 0 ? Kernel::int4_rows : Kernel::int4_blocks;
    default:
      return Kernel::f32;
  }
}

Status Linear::prepare(const Bindings& bindings) {
  const Tensor& x = bindings.input_tensor(0);
  const Tensor& matrix = bindings.input_tensor(1);
  kernel_ = kernel_of(matrix);
  rows_ = x.rows();
  inputs_ = matrix.columns().number();
  columns_ = matrix.rows().number();
  pieces_ = std::max<size_t>(1, DynamicInt8::pieces(x.type));
  bias_ = bindings.input<const float>(2);
  if (DynamicInt8::pieces(x.type) > 0) {
    quantized_x_ =
        DynamicInt8(bindings.input<std::byte>(0), rows_.in(bindings.largest()) * pieces_);
  } else {
    x_ = bindings.input_rows(0);
  }
  y_ = bindings.output_rows(0);
  activation_ = std::get_if<LinearAttributes>(&bindings.op().attributes)->activation;
  threads_ = bindings.threads();
  if (kernel_ == Kernel::f16) {
    half_ = {.matrix = static_cast<const uint16_t*>(matrix.data),
             .inputs = inputs_,
             .outputs = columns_,
             .bias = bias_};
    return Status::ok();
  }
  if (pieces_ == 2) piece_products_ = {reinterpret_cast<float*>(bindings.scratch()), columns_};
  return bindings.packed_weights().create_operator(
      bindings.graph(), bindings.op(), bindings.stride(x),
      pieces_ == 2 ? piece_products_.stride : y_.stride, &operator_);
}

pthreadpool_t Linear::threads_for(size_t rows) const {
  return rows * inputs_ * columns_ < matrix_parallel_threshold ? nullptr : threads_;
}

xnn_status Linear::set_up(size_t rows) {
  xnn_status status = xnn_status_success;
  pthreadpool_t threads = threads_for(rows);
  int8_t* x = quantized_x_.values();
  xnn_quantization_params* quantization = quantized_x_.parameters();
  float* y = pieces_ == 2 ? piece_products_.data : y_.data;
  switch (kernel_) {
    case Kernel::int8:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qc8w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qc8w(operator_, x, y, quantization);
    case Kernel::int4_rows:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qc4w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qc4w(operator_, x, y, quantization);
    case Kernel::int4_blocks:
      status = xnn_reshape_fully_connected_nc_qd8_f32_qb4w(operator_, rows, threads);
      if (status != xnn_status_success) return status;
      return xnn_setup_fully_connected_nc_qd8_f32_qb4w(operator_, x, y, quantization);
    case Kernel::f32:
    case Kernel::f16:
      break;
  }
  status = xnn_reshape_fully_connected_nc_f32(operator_, rows, threads);
  if (status != xnn_status_success) return status;
  return xnn_setup_fully_connected_nc_f32(operator_, x_.data, y_.data);
}

Status Linear::run_xnnpack(size_t rows) {
  xnn_status status = xnn_status_success;
  if (rows != set_up_rows_) status = set_up(rows);
  if (status == xnn_status_success) {
    set_up_rows_ = rows;
    status = xnn_run_operator(operator_, threads_for(rows));
  }
  if (status == xnn_status_success) return Status::ok();
  return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d", static_cast<int>(status));
}

void Linear::run_f16(size_t rows) {
  parallel_for(threads_, columns_, rows * inputs_ * columns_, [&](size_t first, size_t count) {
    kernels::multiply_half(half_, rows, x_, first, count, y_);
  });
}

void Linear::join_pieces(size_t rows) {
  parallel_for(threads_, rows, rows * columns_, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      kernels::join_pieces(piece_products_[row], piece_products_[rows + row], bias_, columns_,
                           y_[row]);
    }
  });
}

Status Linear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  if (rows == 0) return Status::ok();
  if (kernel_ == Kernel::f16) {
    run_f16(rows);
  } else {
    const Status status = run_xnnpack(rows * pieces_);
    if (status.failed()) return status;
    if (pieces_ == 2) join_pieces(rows);
  }
  if (activation_ != Activation::none) {
    parallel_for(threads_, rows, rows * columns_ * 4, [&](size_t first, size_t count) {
      for (size_t row = first; row < first + count; ++row)
        kernels::activate(activation_, y_[row], columns_);
    });
  }
  return Status::ok();
}

}  // namespace linnet
