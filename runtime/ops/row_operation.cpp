#include "runtime/ops/row_operation.h"

#include "runtime/ops/parallel.h"
#include "runtime/ops/quantized_rows.h"

namespace linnet {
namespace {

size_t bytes_of_row(const Tensor& tensor) {
  if (tensor.storage != Storage::activation || tensor.rank != 2) return 0;
  const size_t columns = tensor.columns().number();
  return QuantizedRows::has_type(tensor.type) ? QuantizedRows::row_bytes(tensor.type, columns)
                                              : columns * sizeof(float);
}

}  // namespace

void RowOperation::prepare_rows(const Bindings& bindings, size_t work) {
  rows_ = bindings.output_tensor(0).rows();
  work_ = work;
  threads_ = bindings.threads();
  for (size_t i = 0; i < bindings.op().inputs.size(); ++i) {
    if (bindings.has_input(i)) row_bytes_ += bytes_of_row(bindings.input_tensor(i));
  }
  for (size_t i = 0; i < bindings.op().outputs.size(); ++i) {
    row_bytes_ += bytes_of_row(bindings.output_tensor(i));
  }
}

Status RowOperation::run(const Chunk& chunk) {
  const size_t count = rows(chunk);
  parallel_for(threads_, count, count * work_,
               [&](size_t first, size_t part) { run_rows(chunk, first, part); });
  finish(chunk);
  return Status::ok();
}

}  // namespace linnet
