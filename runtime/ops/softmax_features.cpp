#include "runtime/ops/softmax_features.h"

#include <algorithm>
#include <cmath>

namespace linnet {
namespace {

enum Input : size_t { projected, half_norm, maximum, input_count };

}  // namespace

Status SoftmaxFeatures::check(const Site& site) {
  const auto& attributes = site.attributes<SoftmaxFeaturesAttributes>();
  Status status = site.expect_counts(input_count, attributes.running ? 2 : 1);
  if (status.failed()) return status;
  const bool remembers = site.input(maximum) != nullptr;
  if (remembers && attributes.side != FeatureSide::key) {
    return site.fail("has a maximum to remember, which queries do not need");
  }
  if (attributes.running && !remembers) return site.fail("has no maximum to go on from");
  const Tensor* u = site.input(projected);
  const size_t heads = attributes.heads;
  const size_t columns = u != nullptr && u->columns().is_number() ? u->columns().number() : 0;
  if (heads == 0 || columns == 0 || columns % heads != 0) {
    return site.fail("has heads that do not divide its columns");
  }
  const Dimension tokens(Dimension::Kind::tokens);
  status = site.expect_activation(u, "projection", tokens, columns);
  if (!status.failed())
    status = site.expect_activation(site.input(half_norm), "half squared length", tokens, heads);
  if (!status.failed() && remembers)
    status = site.expect_state(site.input(maximum), "maximum", {Dimension(heads)});
  for (size_t i = 0; i < site.outputs() && !status.failed(); ++i) {
    status = site.expect_activation(&site.output(i), "output", tokens, columns + heads);
  }
  return status;
}

bool SoftmaxFeatures::outdates(const Operator& op) {
  const auto* attributes = std::get_if<SoftmaxFeaturesAttributes>(&op.attributes);
  return attributes != nullptr && !attributes->running && op.inputs[maximum] >= 0;
}

Status SoftmaxFeatures::prepare(const Bindings& bindings) {
  attributes_ = *std::get_if<SoftmaxFeaturesAttributes>(&bindings.op().attributes);
  all_.features = bindings.input_tensor(projected).columns().number() / attributes_.heads;
  all_.projected = bindings.input_rows(projected);
  all_.half_norms = bindings.input_rows(half_norm);
  all_.output = bindings.output_rows(0);
  all_.side = attributes_.side;
  all_.epsilon = attributes_.epsilon;
  maxima_ = bindings.input<float>(maximum);
  if (attributes_.running) decay_ = bindings.output_rows(1);
  return Status::ok();
}

/// Tokens [first, first + count) of a head.
kernels::SoftmaxFeaturesHead SoftmaxFeatures::head(size_t index, size_t first, size_t count) const {
  kernels::SoftmaxFeaturesHead head = all_;
  head.tokens = count;
  head.projected.data = all_.projected[first] + index * all_.features;
  head.half_norms.data = all_.half_norms[first] + index;
  head.output.data = all_.output[first] + index * (all_.features + 1);
  return head;
}

void SoftmaxFeatures::run_running(size_t index, const Chunk& chunk, size_t text) {
  const TextRows rows = chunk.texts[text];
  float& maximum = chunk.state_of(text, maxima_)[index];
  for (size_t t = rows.first; t < rows.first + rows.count; ++t) {
    kernels::SoftmaxFeaturesHead token = head(index, t, 1);
    const float own = kernels::largest(1, token.features, token.projected);
    const bool is_first = chunk.position_of(text) == 0 && t == rows.first;
    const float before = is_first ? own : maximum;
    token.maximum = std::max(before, own);
    maximum = token.maximum;
    float* decay = decay_[t] + index * (token.features + 1);
    std::fill_n(decay, token.features, std::exp(before - token.maximum));
    decay[token.features] = 1.0f;
    kernels::softmax_features(token);
  }
}

/// Whether the maximum grew over that of earlier chunks.
bool SoftmaxFeatures::run_whole(size_t index, const Chunk& chunk, TextRows text) {
  kernels::SoftmaxFeaturesHead all_tokens = head(index, text.first, text.count);
  bool grew = false;
  if (all_tokens.side == FeatureSide::key) {
    const float own =
        kernels::largest(all_tokens.tokens, all_tokens.features, all_tokens.projected);
    const float before = maxima_ == nullptr || chunk.position == 0 ? own : maxima_[index];
    all_tokens.maximum = std::max(before, own);
    grew = own > before;
    if (maxima_ != nullptr) maxima_[index] = all_tokens.maximum;
  }
  kernels::softmax_features(all_tokens);
  return grew;
}

Status SoftmaxFeatures::run(const Chunk& chunk) {
  for (size_t index = 0; index < attributes_.heads; ++index) {
    if (attributes_.running) {
      for (size_t text = 0; text < chunk.texts.size(); ++text) run_running(index, chunk, text);
      continue;
    }
    for (const TextRows& text : chunk.texts) {
      if (run_whole(index, chunk, text) && chunk.is_outdated != nullptr) *chunk.is_outdated = true;
    }
  }
  return Status::ok();
}

}  // namespace linnet
