#include "runtime/ops/pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace linnet {
namespace {

/// What a sum over `count` tokens is multiplied by.
float share_of(PoolKind kind, float count) {
  if (kind == PoolKind::mean_sqrt_length) return 1.0f / std::sqrt(count);
  return 1.0f / (kind == PoolKind::weighted_mean ? 0.5f * count * (count + 1) : count);
}

}  // namespace

Status Pool::check(const Site& site) {
  const Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const auto& attributes = site.attributes<PoolAttributes>();
  const size_t columns = site.output(0).columns().number();
  // The last chunk, which may be a whole one, must always count.
  if (attributes.recent != 0 && (attributes.chunk == 0 || attributes.recent < attributes.chunk)) {
    return site.fail("needs a chunk that its recent rows hold");
  }
  const Status input =
      site.expect_activation(site.input(0), "input", Dimension(Dimension::Kind::tokens), columns);
  if (input.failed()) return input;
  return site.expect_activation(&site.output(0), "output", Dimension(Dimension::Kind::texts),
                                columns);
}

Status Pool::prepare(const Bindings& bindings) {
  attributes_ = *std::get_if<PoolAttributes>(&bindings.op().attributes);
  width_ = bindings.input_tensor(0).columns().number();
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  return Status::ok();
}

/// Without the chunks that start more than `recent` rows before a text's end.
TextRows Pool::counted(TextRows text) const {
  if (attributes_.recent == 0 || text.count <= attributes_.recent) return text;
  const size_t chunk = attributes_.chunk;
  const size_t skipped = (text.count - attributes_.recent + chunk - 1) / chunk * chunk;
  return {text.first + skipped, text.count - skipped};
}

void Pool::pool(TextRows text, float* y) const {
  const PoolKind kind = attributes_.kind;
  const size_t last = text.first + text.count - 1;
  std::memcpy(y, x_[kind == PoolKind::last ? last : text.first], width_ * sizeof(float));
  if (kind == PoolKind::first || kind == PoolKind::last) return;
  for (size_t t = text.first + 1; t <= last; ++t) {
    const float* x = x_[t];
    const float weight =
        kind == PoolKind::weighted_mean ? static_cast<float>(t - text.first + 1) : 1.0f;
    for (size_t c = 0; c < width_; ++c) {
      y[c] = kind == PoolKind::max ? std::max(y[c], x[c]) : y[c] + weight * x[c];
    }
  }
  if (kind == PoolKind::max) return;
  const float share = share_of(kind, static_cast<float>(text.count));
  for (size_t c = 0; c < width_; ++c) y[c] *= share;
}

Status Pool::run(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.texts.size(); ++i) pool(counted(chunk.texts[i]), y_[i]);
  return Status::ok();
}

}  // namespace linnet
