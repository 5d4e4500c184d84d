#include "runtime/ops/store.h"

#include <cstring>

namespace linnet {

Status Store::check(const Site& site) {
  const Status status = site.expect_counts(2, 0);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  if (x == nullptr || x->rank != 2 || !x->columns().is_number()) {
    return site.fail("needs rows to keep");
  }
  const size_t width = x->columns().number();
  const Status input =
      site.expect_activation(x, "input", Dimension(Dimension::Kind::tokens), width);
  if (input.failed()) return input;
  return site.expect_state(site.input(1), "state",
                           {Dimension(Dimension::Kind::source), Dimension(width)});
}

Status Store::prepare(const Bindings& bindings) {
  width_ = bindings.input_tensor(0).columns().number();
  x_ = bindings.input_rows(0);
  y_ = {bindings.input<float>(1), width_};
  return Status::ok();
}

Status Store::run(const Chunk& chunk) {
  for (size_t t = 0; t < chunk.extents.tokens; ++t) {
    std::memcpy(y_[t], x_[t], width_ * sizeof(float));
  }
  return Status::ok();
}

}  // namespace linnet
