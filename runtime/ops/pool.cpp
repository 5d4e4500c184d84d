#include "runtime/ops/pool.h"

#include <algorithm>
#include <cstring>

namespace linnet {

Status Pool::check(const Site& site) {
  const Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const size_t width = site.output(0).columns().number();
  const Status input =
      site.expect_activation(site.input(0), "input", Dimension(Dimension::Kind::tokens), width);
  if (input.failed()) return input;
  return site.expect_activation(&site.output(0), "output", Dimension(Dimension::Kind::texts),
                                width);
}

Status Pool::prepare(const Bindings& bindings) {
  kind_ = std::get_if<PoolAttributes>(&bindings.op().attributes)->kind;
  width_ = bindings.output_tensor(0).columns().number();
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  return Status::ok();
}

void Pool::run_text(TextRows text, float* y) const {
  const size_t last = text.first + text.count - 1;
  std::memcpy(y, x_[kind_ == PoolKind::last ? last : text.first], width_ * sizeof(float));
  if (kind_ == PoolKind::first || kind_ == PoolKind::last) return;
  for (size_t t = text.first + 1; t <= last; ++t) {
    const float* x = x_[t];
    for (size_t c = 0; c < width_; ++c) {
      y[c] = kind_ == PoolKind::mean ? y[c] + x[c] : std::max(y[c], x[c]);
    }
  }
  if (kind_ != PoolKind::mean) return;
  const float share = 1.0f / static_cast<float>(text.count);
  for (size_t c = 0; c < width_; ++c) y[c] *= share;
}

Status Pool::run(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) run_text(chunk.texts[i], y_[i]);
  return Status::ok();
}

}  // namespace linnet
