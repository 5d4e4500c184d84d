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

void TokenShift::run_rows(const Chunk& chunk, size_t first, size_t count) {
  chunk.for_each_text(first, count, [&](size_t text, size_t begin, size_t rows) {
    const size_t start = chunk.texts[text].first;
    kernels::TokenShiftArguments arguments = arguments_;
    kernels::MutableRows outputs[most_outputs];
    arguments.x.data = arguments_.x[start];
    arguments.last = chunk.state_of(text, last_);
    arguments.outputs = {outputs, arguments_.outputs.size()};
    for (size_t i = 0; i < arguments.outputs.size(); ++i) {
      outputs[i] = {outputs_[i][start], outputs_[i].stride};
    }
    kernels::token_shift(arguments, begin, rows);
  });
}

void TokenShift::finish(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) {
    const TextRows text = chunk.texts[i];
    kernels::move_tail(text.count, {arguments_.x[text.first], arguments_.x.stride},
                       arguments_.width, 1, {chunk.state_of(i, last_), arguments_.width});
  }
}

}  // namespace linnet
