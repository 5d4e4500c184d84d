#include "runtime/ops/rotary.h"

namespace linnet {

Status Rotary::check(const Site& site) {
  Status status = site.expect_counts(2, 1);
  if (status.failed()) return status;
  const auto& rotary = site.attributes<RotaryAttributes>();
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t columns = site.output(0).columns().number();
  status = site.expect_activation(&site.output(0), "output", tokens, columns);
  if (status.failed()) return status;
  status = site.expect_activation(site.input(0), "input", tokens, columns);
  if (status.failed()) return status;
  if (rotary.heads == 0 || columns % rotary.heads != 0 || rotary.dimensions == 0 ||
      rotary.dimensions % 2 != 0 || rotary.dimensions > columns / rotary.heads) {
    return site.fail("turns channels that its heads do not have");
  }
  return site.expect_weight(site.input(1), "frequencies", {rotary.dimensions / 2});
}

size_t Rotary::scratch_bytes(const Site& site, const Extents& largest) {
  return largest.tokens * site.attributes<RotaryAttributes>().dimensions * sizeof(float);
}

Status Rotary::prepare(const Bindings& bindings) {
  const auto& rotary = *std::get_if<RotaryAttributes>(&bindings.op().attributes);
  frequencies_ = bindings.input<const float>(1);
  scale_ = rotary.scale;
  arguments_.heads = rotary.heads;
  arguments_.head_dim = bindings.output_tensor(0).columns().number() / rotary.heads;
  arguments_.pairs = rotary.dimensions / 2;
  arguments_.style = rotary.style;
  arguments_.x = bindings.input_rows(0);
  arguments_.y = bindings.output_rows(0);
  cosines_ = reinterpret_cast<float*>(bindings.scratch());
  sines_ = cosines_ + bindings.largest().tokens * arguments_.pairs;
  prepare_rows(bindings, rotary.heads * rotary.dimensions * 2);
  return Status::ok();
}

void Rotary::run_rows(const Chunk& chunk, size_t first, size_t count) {
  kernels::RotaryArguments part = arguments_;
  part.tokens = count;
  part.x.data = arguments_.x[first];
  part.y.data = arguments_.y[first];
  part.cosines = cosines_ + first * arguments_.pairs;
  part.sines = sines_ + first * arguments_.pairs;
  chunk.for_each_text(first, count, [&](size_t text, size_t begin, size_t rows) {
    const size_t at = (chunk.texts[text].first + begin) * arguments_.pairs;
    kernels::rotary_table(chunk.position_of(text) + begin, rows, frequencies_, arguments_.pairs,
                          scale_, cosines_ + at, sines_ + at);
  });
  kernels::rotary(part);
}

}  // namespace linnet
