#include "runtime/ops/xnn_grouped_linear.h"

namespace linnet {

Status GroupedLinear::check(const Site& site) {
  Status status = site.expect_counts(3, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor* weight = site.input(1);
  const size_t groups = site.attributes<GroupedLinearAttributes>().groups;
  if (x == nullptr || weight == nullptr || weight->rank != 2 || !weight->shape[0].is_number() ||
      !weight->shape[1].is_number()) {
    return site.fail("needs an activation and a matrix");
  }
  const size_t outputs = weight->shape[0].number();
  const size_t inputs = weight->shape[1].number();
  if (groups == 0 || outputs == 0 || inputs == 0 || outputs % groups != 0) {
    return site.fail("has groups that do not divide the rows of its matrix");
  }
  if (weight->type != DataType::f32) return site.fail("has a matrix that is not f32");
  status = MatrixProduct::check(site, weight, "matrix", outputs, inputs);
  if (!status.failed()) status = site.expect_activation(x, "input", groups * inputs);
  if (!status.failed()) status = site.expect_optional_weight(site.input(2), "bias", {outputs});
  if (status.failed()) return status;
  return site.expect_activation(&site.output(0), "output", x->rows(), outputs);
}

Status GroupedLinear::prepare(const Bindings& bindings) {
  const auto& attributes = *std::get_if<GroupedLinearAttributes>(&bindings.op().attributes);
  const Tensor& x = bindings.input_tensor(0);
  rows_ = x.rows();
  x_ = bindings.input<const float>(0);
  y_ = bindings.output_rows(0);
  if (!products_.allocate(attributes.groups)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u groups", attributes.groups);
  }
  const Tensor& matrix = bindings.input_tensor(1);
  inputs_ = matrix.columns().number();
  outputs_ = matrix.rows().number() / attributes.groups;
  for (size_t i = 0; i < products_.size(); ++i) {
    const Status status =
        products_[i].prepare(bindings, MatrixPlace::of(bindings.op(), i), attributes.activation,
                             bindings.stride(x), y_.stride);
    if (status.failed()) return status;
  }
  return Status::ok();
}

Status GroupedLinear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  for (size_t i = 0; i < products_.size(); ++i) {
    const Status status = products_[i].run(rows, x_ + i * inputs_, y_.data + i * outputs_);
    if (status.failed()) return status;
  }
  return Status::ok();
}

}  // namespace linnet
