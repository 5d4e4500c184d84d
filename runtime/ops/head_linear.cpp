#include "runtime/ops/head_linear.h"

#include "runtime/ops/parallel.h"

namespace linnet {

Status HeadLinear::check(const Site& site) {
  Status status = site.expect_counts(2, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor* weight = site.input(1);
  const Tensor& y = site.output(0);
  if (weight == nullptr || weight->rank != 2 || weight->shape[0].number() == 0 ||
      weight->shape[1].number() == 0) {
    return site.fail("needs a matrix");
  }
  const size_t inputs = weight->shape[0].number();
  const size_t outputs = weight->shape[1].number();
  status = site.expect_weight(weight, "matrix", {inputs, outputs});
  if (status.failed()) return status;
  const size_t columns = x != nullptr && x->columns().is_number() ? x->columns().number() : 0;
  const size_t heads = columns / inputs;
  if (heads == 0 || columns % inputs != 0) {
    return site.fail("has columns that its matrix does not divide into heads");
  }
  status = site.expect_activation(x, "input", y.rows(), columns);
  return status.failed() ? status : site.expect_activation(&y, "output", heads * outputs);
}

Status HeadLinear::prepare(const Bindings& bindings) {
  const Tensor& weight = bindings.input_tensor(1);
  rows_ = bindings.output_tensor(0).rows();
  threads_ = bindings.threads();
  arguments_.inputs = weight.shape[0].number();
  arguments_.outputs = weight.shape[1].number();
  arguments_.heads = bindings.input_tensor(0).columns().number() / arguments_.inputs;
  arguments_.x = bindings.input_rows(0);
  arguments_.weight = bindings.input<const float>(1);
  arguments_.y = bindings.output_rows(0);
  return Status::ok();
}

Status HeadLinear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  const size_t work = rows * arguments_.heads * arguments_.inputs * arguments_.outputs;
  parallel_for(threads_, rows, work, [&](size_t first, size_t count) {
    kernels::HeadLinearArguments part = arguments_;
    part.rows = count;
    part.x.data = arguments_.x[first];
    part.y.data = arguments_.y[first];
    kernels::head_linear(part);
  });
  return Status::ok();
}

}  // namespace linnet
