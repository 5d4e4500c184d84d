#include "runtime/ops/token_shift.h"

#include "runtime/ops/parallel.h"

namespace linnet {

Status TokenShift::check(const Site& site) {
  const size_t outputs = site.outputs();
  if (outputs == 0 || outputs > most_outputs) return site.fail("needs 1 to 8 outputs");
  Status status = site.expect_counts(outputs + 2, outputs);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = site.output(0).columns().number();
  status = site.expect_activation(site.input(0), "input", tokens, width);
  if (status.failed()) return status;
  status = site.expect_state(site.input(1), "state", {Dimension(width)});
  for (size_t i = 0; i < outputs && !status.failed(); ++i) {
    status = site.expect_weight(site.input(i + 2), "mix", {width});
    if (!status.failed()) status = site.expect_activation(&site.output(i), "output", tokens, width);
  }
  return status;
}

Status TokenShift::prepare(const Bindings& bindings) {
  width_ = bindings.output_tensor(0).columns().number();
  count_ = bindings.op().outputs.size();
  x_ = bindings.input_rows(0);
  last_ = bindings.input<float>(1);
  threads_ = bindings.threads();
  for (size_t i = 0; i < count_; ++i) {
    mixes_[i] = bindings.input<const float>(i + 2);
    outputs_[i] = bindings.output_rows(i);
  }
  return Status::ok();
}

Status TokenShift::run(const Chunk& chunk) {
  const kernels::TokenShiftArguments arguments = {.tokens = chunk.extents.tokens,
                                                  .x = x_,
                                                  .last = last_,
                                                  .mixes = {mixes_, count_},
                                                  .outputs = {outputs_, count_}};
  const size_t work = chunk.extents.tokens * width_ * count_ * 2;
  parallel_for(threads_, width_, work,
               [&](size_t first, size_t count) { kernels::token_shift(arguments, first, count); });
  return Status::ok();
}

}  // namespace linnet
