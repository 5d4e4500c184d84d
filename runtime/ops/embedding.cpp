#include "runtime/ops/embedding.h"

#include "runtime/base/selection.h"
#include "runtime/kernels/gather.h"

namespace linnet {

Status Embedding::check(const Site& site) {
  const Status status = site.expect_counts(2, 1);
  if (status.failed()) return status;
  const Tensor* ids = site.input(0);
  const Tensor* table = site.input(1);
  if (ids == nullptr || ids->type != DataType::int32 || ids->storage != Storage::activation ||
      ids->rank != 1) {
    return site.fail("its input is not int32 token ids");
  }
  if (table == nullptr || table->storage != Storage::weight || table->data == nullptr ||
      table->rank != 2 ||
      (table->type != DataType::f32 && table->type != DataType::f16 &&
       table->type != DataType::bf16 && table->type != DataType::int8)) {
    return site.fail("its table is not a matrix of f32, f16, bf16 or int8");
  }
  return site.expect_activation(&site.output(0), "output", ids->shape[0],
                                table->columns().number());
}

Status Embedding::prepare(const Bindings& bindings) {
  const Tensor& table = bindings.input_tensor(1);
  ids_ = bindings.input<const int32_t>(0);
  table_ = table.data;
  scales_ = static_cast<const float*>(table.scales);
  type_ = table.type;
  width_ = table.columns().number();
  block_ = table.block == 0 ? width_ : table.block;
  y_ = bindings.output_rows(0);
  return Status::ok();
}

Status Embedding::run(const Chunk& chunk) {
  const size_t rows = chunk.extents.tokens;
  if (has_weights_of<DataType::f16> && type_ == DataType::f16) {
    kernels::gather_f16(static_cast<const uint16_t*>(table_), width_, ids_, rows, y_);
  } else if (has_weights_of<DataType::bf16> && type_ == DataType::bf16) {
    kernels::gather_bf16(static_cast<const uint16_t*>(table_), width_, ids_, rows, y_);
  } else if (has_weights_of<DataType::int8> && type_ == DataType::int8) {
    kernels::gather_int8(static_cast<const int8_t*>(table_), scales_, block_, width_, ids_, rows,
                         y_);
  } else {
    kernels::gather_f32(static_cast<const float*>(table_), width_, ids_, rows, y_);
  }
  return Status::ok();
}

}  // namespace linnet
