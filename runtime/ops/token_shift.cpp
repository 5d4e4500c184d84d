#include "runtime/ops/token_shift.h"

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
  const size_t width = bindings.output_tensor(0).columns().number();
  const size_t count = bindings.op().outputs.size();
  last_ = bindings.input<float>(1);
  for (size_t i = 0; i < count; ++i) {
    mixes_[i] = bindings.input<const float>(i + 2);
    outputs_[i] = bindings.output_rows(i);
  }
  arguments_ = {.width = width,
                .x = bindings.input_rows(0),
                .last = last_,
                .mixes = {mixes_, count},
                .outputs = {outputs_, count}};
  prepare_rows(bindings, width * count * 2);
  return Status::ok();
}

void TokenShift::run_rows(const Chunk&, size_t first, size_t count) {
  kernels::token_shift(arguments_, first, count);
}

void TokenShift::finish(const Chunk& chunk) {
  kernels::move_tail(chunk.extents.tokens, arguments_.x, arguments_.width, 1,
                     {last_, arguments_.width});
}

}  // namespace linnet
