#include "runtime/ops/xnn_row_quantizer.h"

#include "runtime/ops/parallel.h"

namespace linnet {

RowQuantizer::~RowQuantizer() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

Status RowQuantizer::prepare(kernels::ConstRows x, size_t columns, const QuantizedRows& y,
                             pthreadpool_t threads) {
  x_ = x;
  columns_ = columns;
  y_ = y;
  threads_ = threads;
  if (y.type() != DataType::dynamic_int8) return Status::ok();
  const xnn_status status = xnn_create_convert_nc_f32_qd8(/*flags=*/0, &operator_);
  if (status == xnn_status_success) return Status::ok();
  return Status::error(status == xnn_status_out_of_memory ? LINNET_OUT_OF_MEMORY : LINNET_INTERNAL,
                       "XNNPACK cannot quantise rows: status %d", static_cast<int>(status));
}

/// A decoded token's row is not worth another thread.
pthreadpool_t RowQuantizer::threads_for(size_t rows) const {
  return rows * columns_ * 2 < parallel_threshold ? nullptr : threads_;
}

Status RowQuantizer::run_int8(size_t rows) {
  xnn_status status = xnn_status_success;
  if (rows != set_up_rows_) {
    status = xnn_reshape_convert_nc_f32_qd8(operator_, rows, columns_, x_.stride, columns_,
                                            threads_for(rows));
    if (status == xnn_status_success) {
      status = xnn_setup_convert_nc_f32_qd8(operator_, x_.data, y_.int8_values(), y_.parameters());
    }
  }
  if (status == xnn_status_success) {
    set_up_rows_ = rows;
    count_fork_join(threads_for(rows));
    status = xnn_run_operator(operator_, threads_for(rows));
  }
  if (status == xnn_status_success) return Status::ok();
  return Status::error(LINNET_INTERNAL, "XNNPACK failed with status %d", static_cast<int>(status));
}

Status RowQuantizer::run(size_t rows) {
  if (rows == 0) return Status::ok();
  if (y_.type() == DataType::dynamic_int8) {
    const Status status = run_int8(rows);
    if (status.failed()) return status;
  } else {
    parallel_for(threads_, rows, rows * columns_ * 2, [&](size_t first, size_t count) {
      for (size_t row = first; row < first + count; ++row)
        y_.scales()[row] = kernels::quantize_int16(x_[row], columns_, y_.int16_row(row));
    });
  }
  y_.finish(rows);
  return Status::ok();
}

}  // namespace linnet
