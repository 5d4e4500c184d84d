#include "runtime/ops/group_sum.h"

#include "runtime/kernels/elementwise.h"

namespace linnet {

Status GroupSum::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const Tensor& y = site.output(0);
  const size_t groups = y.columns().number();
  status = site.expect_activation(&y, "output", groups);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const size_t columns = x != nullptr && x->columns().is_number() ? x->columns().number() : 0;
  if (groups == 0 || columns % groups != 0)
    return site.fail("has groups that do not divide its columns");
  return site.expect_activation(x, "input", y.rows(), columns);
}

Status GroupSum::prepare(const Bindings& bindings) {
  const Tensor& y = bindings.output_tensor(0);
  groups_ = y.columns().number();
  width_ = bindings.input_tensor(0).columns().number() / groups_;
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  prepare_rows(bindings, groups_ * width_);
  return Status::ok();
}

void GroupSum::run_rows(const Chunk&, size_t first, size_t count) {
  kernels::group_sum(count, groups_, width_, {x_[first], x_.stride}, {y_[first], y_.stride});
}

}  // namespace linnet
