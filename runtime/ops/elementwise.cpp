#include "runtime/ops/elementwise.h"

namespace linnet {
namespace {

bool needs_operand(ElementwiseFunction function) {
  return function == ElementwiseFunction::multiply_silu ||
         function == ElementwiseFunction::multiply_sigmoid;
}

Status check_operand(const Site& site, size_t index, Dimension rows, size_t columns) {
  const Tensor* operand = site.input(index);
  if (operand == nullptr) return site.fail("has a step whose operand is missing");
  const size_t values = operand->columns().is_number() ? operand->columns().number() : 0;
  if (values == 0 || columns % values != 0)
    return site.fail("has an operand that does not divide its columns");
  return operand->storage == Storage::weight
             ? site.expect_weight(operand, "operand", {values})
             : site.expect_activation(operand, "operand", rows, values);
}

}  // namespace

Status Elementwise::check(const Site& site) {
  if (site.inputs() == 0 || site.outputs() != 1) return site.fail("needs an input and one output");
  const Tensor& y = site.output(0);
  const size_t columns = y.columns().number();
  Status status = site.expect_activation(&y, "output", columns);
  if (status.failed()) return status;
  status = site.expect_activation(site.input(0), "input", y.rows(), columns);
  if (status.failed()) return status;
  const auto& steps = site.attributes<ElementwiseAttributes>().steps;
  if (steps.size() > most_steps) return site.fail("has more than 16 steps");
  for (const ElementwiseStepAttributes& step : steps) {
    if (step.operand >= 0) {
      status = check_operand(site, static_cast<size_t>(step.operand), y.rows(), columns);
      if (status.failed()) return status;
    } else if (needs_operand(step.function)) {
      return site.fail("has a gate without an operand");
    }
  }
  return Status::ok();
}

Status Elementwise::prepare(const Bindings& bindings) {
  const auto& attributes = *std::get_if<ElementwiseAttributes>(&bindings.op().attributes);
  const Tensor& y = bindings.output_tensor(0);
  width_ = y.columns().number();
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  for (const ElementwiseStepAttributes& from : attributes.steps) {
    kernels::ElementwiseStep& to = steps_[step_count_++];
    to.function = from.function;
    to.scalar = from.scalar;
    if (from.operand < 0) continue;
    const auto operand = static_cast<size_t>(from.operand);
    to.operand = bindings.input_rows(operand);
    to.group = width_ / bindings.input_tensor(operand).columns().number();
  }
  prepare_rows(bindings, width_ * (step_count_ + 1));
  return Status::ok();
}

std::span<const kernels::ElementwiseStep> Elementwise::steps_from(
    size_t row, kernels::ElementwiseStep (&moved)[most_steps]) const {
  for (size_t i = 0; i < step_count_; ++i) {
    moved[i] = steps_[i];
    if (moved[i].operand) moved[i].operand.data = moved[i].operand[row];
  }
  return {moved, step_count_};
}

void Elementwise::run_rows(const Chunk&, size_t first, size_t count) {
  kernels::ElementwiseStep moved[most_steps];
  kernels::elementwise(count, width_, {x_[first], x_.stride}, steps_from(first, moved),
                       {y_[first], y_.stride});
}

}  // namespace linnet
