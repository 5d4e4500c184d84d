#include "runtime/ops/last_rows.h"

#include <cstring>

namespace linnet {

Status LastRows::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const Tensor& y = site.output(0);
  status = site.expect_activation(&y, "output", Dimension(Dimension::Kind::logits_rows),
                                  y.columns().number());
  if (status.failed()) return status;
  return site.expect_activation(site.input(0), "input", Dimension(Dimension::Kind::tokens),
                                y.columns().number());
}

Status LastRows::prepare(const Bindings& bindings) {
  width_ = bindings.output_tensor(0).columns().number();
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  return Status::ok();
}

Status LastRows::run(const Chunk& chunk) {
  const size_t skipped = chunk.extents.tokens - chunk.extents.logits_rows;
  for (size_t row = 0; row < chunk.extents.logits_rows; ++row) {
    std::memcpy(y_[row], x_[skipped + row], width_ * sizeof(float));
  }
  return Status::ok();
}

}  // namespace linnet
