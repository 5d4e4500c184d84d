#include "runtime/ops/norm.h"

namespace linnet {
namespace {

Status check_parameter(const Site& site, size_t input, const char* role, size_t columns,
                       size_t width) {
  const Tensor* parameter = site.input(input);
  const bool is_per_group = parameter != nullptr && parameter->columns() == Dimension(columns);
  return site.expect_optional_weight(parameter, role, {is_per_group ? columns : width});
}

}  // namespace

Status Norm::check(const Site& site) {
  Status status = site.expect_counts(3, 1);
  if (status.failed()) return status;
  const auto& norm = site.attributes<NormAttributes>();
  const Tensor& y = site.output(0);
  const size_t columns = y.columns().number();
  if (norm.groups == 0 || columns == 0 || columns % norm.groups != 0) {
    return site.fail("has groups that do not divide its columns");
  }
  status = site.expect_activation(site.input(0), "input", y.rows(), columns);
  if (status.failed()) return status;
  status = site.expect_activation(&y, "output", columns);
  if (status.failed()) return status;
  const size_t width = columns / norm.groups;
  status = check_parameter(site, 1, "weight", columns, width);
  if (status.failed()) return status;
  status = check_parameter(site, 2, "bias", columns, width);
  if (status.failed()) return status;
  if (site.input(1) != nullptr && site.input(2) != nullptr &&
      !(site.input(1)->columns() == site.input(2)->columns())) {
    return site.fail("has a weight and a bias of different sizes");
  }
  return Status::ok();
}

Status Norm::prepare(const Bindings& bindings) {
  const auto& norm = *std::get_if<NormAttributes>(&bindings.op().attributes);
  const Tensor& y = bindings.output_tensor(0);
  arguments_.groups = norm.groups;
  arguments_.width = y.columns().number() / norm.groups;
  arguments_.x = bindings.input_rows(0);
  arguments_.y = bindings.output_rows(0);
  arguments_.weight = bindings.input<const float>(1);
  arguments_.bias = bindings.input<const float>(2);
  const size_t parameter = bindings.has_input(1) ? 1 : 2;
  arguments_.per_group =
      bindings.has_input(parameter) && bindings.input_tensor(parameter).columns() == y.columns();
  arguments_.kind = norm.kind;
  arguments_.epsilon = norm.epsilon;
  prepare_rows(bindings, y.columns().number() * 2);
  return Status::ok();
}

void Norm::run_rows(const Chunk&, size_t first, size_t count) {
  kernels::NormArguments part = arguments_;
  part.rows = count;
  part.x.data = arguments_.x[first];
  part.y.data = arguments_.y[first];
  kernels::norm(part);
}

}  // namespace linnet
