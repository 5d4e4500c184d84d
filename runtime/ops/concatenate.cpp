#include "runtime/ops/concatenate.h"

#include <cstring>

namespace linnet {
namespace {

size_t width_of(const Tensor* tensor) {
  return tensor != nullptr && tensor->columns().is_number() ? tensor->columns().number() : 0;
}

}  // namespace

Status Concatenate::check(const Site& site) {
  if (site.inputs() == 0) return site.fail("has no inputs");
  Status status = site.expect_counts(site.inputs(), 1);
  if (status.failed()) return status;
  const Tensor& y = site.output(0);
  size_t columns = 0;
  for (size_t i = 0; i < site.inputs(); ++i) {
    const Tensor* x = site.input(i);
    status = site.expect_activation(x, "input", y.rows(), width_of(x));
    if (status.failed()) return status;
    columns += width_of(x);
  }
  return site.expect_activation(&y, "output", columns);
}

Status Concatenate::prepare(const Bindings& bindings) {
  const size_t inputs = bindings.op().inputs.size();
  if (!parts_.allocate(inputs)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu inputs", inputs);
  }
  size_t column = 0;
  for (size_t i = 0; i < inputs; ++i) {
    const size_t width = bindings.input_tensor(i).columns().number();
    parts_[i] = {.x = bindings.input_rows(i), .width = width, .column = column};
    column += width;
  }
  rows_ = bindings.output_tensor(0).rows();
  y_ = bindings.output_rows(0);
  return Status::ok();
}

Status Concatenate::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  for (const Part& part : parts_) {
    for (size_t i = 0; i < rows; ++i) {
      std::memcpy(y_[i] + part.column, part.x[i], part.width * sizeof(float));
    }
  }
  return Status::ok();
}

}  // namespace linnet
