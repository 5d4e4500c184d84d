#include "runtime/ops/xnn_quantize.h"

#include "runtime/kernels/residual.h"
#include "runtime/ops/parallel.h"

namespace linnet {

Status Quantize::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor& y = site.output(0);
  if (DynamicInt8::pieces(y.type) == 0 || y.rank != 2 || y.columns().number() == 0) {
    return site.fail("its output is not dynamic_int8 or dynamic_int16 rows");
  }
  return site.expect_activation(x, "input", y.rows(), y.columns().number());
}

Quantize::~Quantize() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

Status Quantize::prepare(const Bindings& bindings) {
  const Tensor& x = bindings.input_tensor(0);
  rows_ = x.rows();
  columns_ = x.columns().number();
  x_ = bindings.input_rows(0);
  pieces_ = DynamicInt8::pieces(bindings.output_tensor(0).type);
  y_ = DynamicInt8(bindings.output<std::byte>(0), rows_.in(bindings.largest()) * pieces_);
  threads_ = bindings.threads();
  const xnn_status status = xnn_create_convert_nc_f32_qd8(/*flags=*/0, &operator_);
  if (status == xnn_status_success) return Status::ok();
  return Status::error(status == xnn_status_out_of_memory ? LINNET_OUT_OF_MEMORY : LINNET_INTERNAL,
                       "XNNPACK cannot quantise rows: status %d", static_cast<int>(status));
}

xnn_status Quantize::set_up(size_t rows) {
  const xnn_status status =
      xnn_reshape_convert_nc_f32_qd8(operator_, rows, columns_, x_.stride, columns_, threads_);
  if (status != xnn_status_success) return status;
  return xnn_setup_convert_nc_f32_qd8(operator_, x_.data, y_.values(), y_.parameters());
}

void Quantize::quantize_residuals(size_t rows) {
  parallel_for(threads_, rows, rows * columns_ * 2, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      const xnn_quantization_params high = y_.parameters()[row];
      y_.parameters()[rows + row] = {.zero_point = 0,
                                     .scale = high.scale / kernels::residual_steps};
      kernels::quantize_residual(x_[row], y_.values() + row * columns_, high.scale, high.zero_point,
                                 columns_, y_.values() + (rows + row) * columns_);
    }
  });
}

Status Quantize::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  if (rows == 0) return Status::ok();
  xnn_status status = xnn_status_success;
  if (rows != set_up_rows_) status = set_up(rows);
  if (status == xnn_status_success) {
    set_up_rows_ = rows;
    status = xnn_run_operator(operator_, threads_);
  }
  if (status == xnn_status_success) {
    if (pieces_ == 2) quantize_residuals(rows);
    y_.repeat_last_parameters(rows * pieces_);
    return Status::ok();
  }
  return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d", static_cast<int>(status));
}

}  // namespace linnet
