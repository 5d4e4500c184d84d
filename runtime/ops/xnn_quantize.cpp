#include "runtime/ops/xnn_quantize.h"

#include <algorithm>

namespace linnet {

Status Quantize::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor& y = site.output(0);
  if (y.type != DataType::dynamic_int8 || y.rank != 2 || y.columns().number() == 0) {
    return site.fail("its output is not dynamic_int8 rows");
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
  x_ = bindings.input<const float>(0);
  x_stride_ = bindings.stride(x);
  y_ = DynamicInt8(bindings.output<std::byte>(0), rows_.in(bindings.largest()));
  threads_ = bindings.threads();
  const xnn_status status = xnn_create_convert_nc_f32_qd8(/*flags=*/0, &operator_);
  if (status == xnn_status_success) return Status::ok();
  return Status::error(status == xnn_status_out_of_memory ? LINNET_OUT_OF_MEMORY : LINNET_INTERNAL,
                       "XNNPACK cannot quantise rows: status %d", static_cast<int>(status));
}

xnn_status Quantize::set_up(size_t rows) {
  const xnn_status status =
      xnn_reshape_convert_nc_f32_qd8(operator_, rows, columns_, x_stride_, columns_, threads_);
  if (status != xnn_status_success) return status;
  return xnn_setup_convert_nc_f32_qd8(operator_, x_, y_.values(), y_.parameters());
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
    xnn_quantization_params* last = y_.parameters() + (rows - 1);
    std::fill_n(last + 1, DynamicInt8::extra_parameters, *last);
    return Status::ok();
  }
  return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d", static_cast<int>(status));
}

}  // namespace linnet
