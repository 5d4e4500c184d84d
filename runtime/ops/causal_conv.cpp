#include "runtime/ops/causal_conv.h"

#include "runtime/ops/parallel.h"

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

Status CausalConv::prepare(const Bindings& bindings) {
  width_ = bindings.output_tensor(0).columns().number();
  threads_ = bindings.threads();
  arguments_.kernel = bindings.input_tensor(1).shape[0].number();
  arguments_.x = bindings.input_rows(0);
  arguments_.weight = bindings.input_rows(1);
  arguments_.bias = bindings.input<const float>(2);
  arguments_.tail = {bindings.input<float>(3), width_};
  arguments_.y = bindings.output_rows(0);
  arguments_.activation = std::get_if<CausalConvAttributes>(&bindings.op().attributes)->activation;
  return Status::ok();
}

Status CausalConv::run(const Chunk& chunk) {
  arguments_.tokens = chunk.extents.tokens;
  const size_t work = arguments_.tokens * width_ * (arguments_.kernel + 2);
  parallel_for(threads_, width_, work,
               [&](size_t first, size_t count) { kernels::causal_conv(arguments_, first, count); });
  return Status::ok();
}

}  // namespace linnet
