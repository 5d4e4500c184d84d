#include "runtime/ops/causal_conv.h"

namespace linnet {

Status CausalConv::check(const Site& site) {
  Status status = site.expect_counts(4, 1);
  if (status.failed()) return status;
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = site.output(0).columns().number();
  status = site.expect_activation(&site.output(0), "output", tokens, width);
  if (status.failed()) return status;
  status = site.expect_activation(site.input(0), "input", tokens, width);
  if (status.failed()) return status;
  const Tensor* weight = site.input(1);
  const size_t kernel = weight != nullptr && weight->rank == 2 ? weight->shape[0].number() : 0;
  if (kernel < 2 || kernel > kernels::max_conv_kernel)
    return site.fail("needs a kernel of 2 to 16 rows");
  status = site.expect_weight(weight, "kernel", {kernel, width});
  if (status.failed()) return status;
  status = site.expect_optional_weight(site.input(2), "bias", {width});
  if (status.failed()) return status;
  return site.expect_state(site.input(3), "state", {Dimension(kernel - 1), Dimension(width)});
}

size_t CausalConv::rows_before(const Site& site) { return site.input(1)->shape[0].number() - 1; }

Status CausalConv::prepare(const Bindings& bindings) {
  const size_t width = bindings.output_tensor(0).columns().number();
  const size_t kernel = bindings.input_tensor(1).shape[0].number();
  tail_ = {bindings.input<float>(3), width};
  arguments_ = {
      .width = width,
      .kernel = kernel,
      .x = bindings.input_rows(0),
      .weight = bindings.input_rows(1),
      .bias = bindings.input<const float>(2),
      .tail = {tail_.data, width},
      .y = bindings.output_rows(0),
      .activation = std::get_if<CausalConvAttributes>(&bindings.op().attributes)->activation};
  prepare_rows(bindings, width * (kernel + 2));
  return Status::ok();
}

void CausalConv::run_rows(const Chunk& chunk, size_t first, size_t count) {
  chunk.for_each_text(first, count, [&](size_t text, size_t begin, size_t rows) {
    const size_t start = chunk.texts[text].first;
    kernels::CausalConvArguments arguments = arguments_;
    arguments.x.data = arguments_.x[start];
    arguments.y.data = arguments_.y[start];
    arguments.tail.data = chunk.state_of(text, tail_.data);
    kernels::causal_conv(arguments, begin, rows);
  });
}

void CausalConv::finish(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) {
    const TextRows text = chunk.texts[i];
    kernels::move_tail(text.count, {arguments_.x[text.first], arguments_.x.stride},
                       arguments_.width, arguments_.kernel - 1,
                       {chunk.state_of(i, tail_.data), tail_.stride});
  }
}

}  // namespace linnet
