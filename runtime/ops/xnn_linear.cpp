#include "runtime/ops/xnn_linear.h"

#include "runtime/kernels/elementwise.h"
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
  if (weight->type == DataType::int8) {
    if (x->type != DataType::dynamic_int8 || !(x->columns() == Dimension(inputs))) {
      return site.fail(
          "has an int8 matrix, but an input that is not dynamic_int8 of as many columns");
    }
  } else if (weight->type == DataType::f32) {
    status = site.expect_activation(x, "input", inputs);
    if (status.failed()) return status;
  } else {
    return site.fail("has a matrix of a type that this runtime does not multiply");
  }
  status = site.expect_optional_weight(site.input(2), "bias", {outputs});
  if (status.failed()) return status;
  return site.expect_activation(&site.output(0), "output", x->rows(), outputs);
}

Linear::~Linear() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

Status Linear::prepare(const Bindings& bindings) {
  const LinearWeights weights = LinearWeights::of(bindings.graph(), bindings.op());
  const Tensor& x = bindings.input_tensor(0);
  is_int8_ = weights.type == DataType::int8;
  rows_ = x.rows();
  inputs_ = weights.inputs;
  columns_ = weights.outputs;
  if (is_int8_) {
    quantized_x_ = DynamicInt8(bindings.input<std::byte>(0), rows_.in(bindings.largest()));
  } else {
    x_ = bindings.input<const float>(0);
  }
  y_ = bindings.output_rows(0);
  activation_ = std::get_if<LinearAttributes>(&bindings.op().attributes)->activation;
  threads_ = bindings.threads();
  return bindings.packed_weights().create_operator(weights, bindings.stride(x), y_.stride,
                                                   &operator_);
}

pthreadpool_t Linear::threads_for(size_t rows) const {
  return rows * inputs_ * columns_ < matrix_parallel_threshold ? nullptr : threads_;
}

xnn_status Linear::set_up(size_t rows) {
  xnn_status status = xnn_status_success;
  if (is_int8_) {
    status = xnn_reshape_fully_connected_nc_qd8_f32_qc8w(operator_, rows, threads_for(rows));
    if (status != xnn_status_success) return status;
    return xnn_setup_fully_connected_nc_qd8_f32_qc8w(operator_, quantized_x_.values(), y_.data,
                                                     quantized_x_.parameters());
  }
  status = xnn_reshape_fully_connected_nc_f32(operator_, rows, threads_for(rows));
  if (status != xnn_status_success) return status;
  return xnn_setup_fully_connected_nc_f32(operator_, x_, y_.data);
}

Status Linear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  if (rows == 0) return Status::ok();
  if (rows != set_up_rows_) {
    const xnn_status status = set_up(rows);
    if (status != xnn_status_success) {
      return Status::error(LINNET_INTERNAL, "XNNPACK set-up failed with status %d",
                           static_cast<int>(status));
    }
    set_up_rows_ = rows;
  }
  const xnn_status status = xnn_run_operator(operator_, threads_for(rows));
  if (status != xnn_status_success) {
    return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d",
                         static_cast<int>(status));
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
