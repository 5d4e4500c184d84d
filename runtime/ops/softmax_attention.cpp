#include "runtime/ops/softmax_attention.h"

#include <algorithm>

#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

struct HeadSizes {
  size_t queries_per_head = 0;
  size_t head_dim = 0;
  size_t value_dim = 0;
};

HeadSizes sizes_of(const SoftmaxAttentionAttributes& attention, const Tensor& query,
                   const Tensor& output) {
  return {.queries_per_head = attention.heads / attention.key_value_heads,
          .head_dim = query.columns().number() / attention.heads,
          .value_dim = output.columns().number() / attention.heads};
}

/// The tokens that a ring holds: a sliding window's number, or the session's context.
Dimension capacity_of(const Tensor* ring) {
  const Dimension context(Dimension::Kind::context);
  return ring != nullptr && ring->rank == 2 && ring->rows().is_number() ? ring->rows() : context;
}

}  // namespace

Status SoftmaxAttention::check(const Site& site) {
  Status status = site.expect_counts(5, 1);
  if (status.failed()) return status;
  const auto& attention = site.attributes<SoftmaxAttentionAttributes>();
  if (attention.key_value_heads == 0 || attention.heads == 0 ||
      attention.heads % attention.key_value_heads != 0) {
    return site.fail("has heads that its key-value heads do not divide");
  }
  const Tensor* query = site.input(0);
  const Tensor& output = site.output(0);
  if (query == nullptr || query->rank != 2 || query->columns().number() % attention.heads != 0 ||
      output.columns().number() % attention.heads != 0) {
    return site.fail("has columns that its heads do not divide");
  }
  const Dimension tokens(Dimension::Kind::tokens);
  const Tensor* ring = site.input(3);
  const Dimension capacity = capacity_of(ring);
  if (capacity == Dimension(size_t{0})) return site.fail("has rings of no tokens");
  const HeadSizes sizes = sizes_of(attention, *query, output);
  const size_t keys = attention.key_value_heads * sizes.head_dim;
  const size_t values = attention.key_value_heads * sizes.value_dim;
  status = site.expect_activation(query, "query", tokens, attention.heads * sizes.head_dim);
  if (!status.failed()) status = site.expect_activation(site.input(1), "key", tokens, keys);
  if (!status.failed()) status = site.expect_activation(site.input(2), "value", tokens, values);
  if (!status.failed()) status = site.expect_state(ring, "key ring", {capacity, Dimension(keys)});
  if (!status.failed())
    status = site.expect_state(site.input(4), "value ring", {capacity, Dimension(values)});
  if (status.failed()) return status;
  return site.expect_activation(&output, "output", tokens, attention.heads * sizes.value_dim);
}

size_t SoftmaxAttention::scratch_bytes(const Site& site, const Extents&) {
  const auto& attention = site.attributes<SoftmaxAttentionAttributes>();
  return kernels::softmax_attention_scratch() * attention.key_value_heads * sizeof(float);
}

Status SoftmaxAttention::prepare(const Bindings& bindings) {
  const auto& attention = *std::get_if<SoftmaxAttentionAttributes>(&bindings.op().attributes);
  const HeadSizes sizes = sizes_of(attention, bindings.input_tensor(0), bindings.output_tensor(0));
  key_value_heads_ = attention.key_value_heads;
  threads_ = bindings.threads();
  all_.capacity = capacity_of(&bindings.input_tensor(3)).in(bindings.largest());
  all_.queries_per_head = sizes.queries_per_head;
  all_.head_dim = sizes.head_dim;
  all_.value_dim = sizes.value_dim;
  all_.scale = attention.scale;
  all_.query = bindings.input_rows(0);
  all_.key = bindings.input_rows(1);
  all_.value = bindings.input_rows(2);
  all_.key_ring = {bindings.input<float>(3), key_value_heads_ * sizes.head_dim};
  all_.value_ring = {bindings.input<float>(4), key_value_heads_ * sizes.value_dim};
  all_.output = bindings.output_rows(0);
  all_.scratch = reinterpret_cast<float*>(bindings.scratch());
  return Status::ok();
}

kernels::SoftmaxAttentionHead SoftmaxAttention::head(size_t index, const Chunk& chunk) const {
  kernels::SoftmaxAttentionHead head = all_;
  head.position = chunk.position;
  head.tokens = chunk.extents.tokens;
  head.query.data += index * all_.queries_per_head * all_.head_dim;
  head.key.data += index * all_.head_dim;
  head.value.data += index * all_.value_dim;
  head.key_ring.data += index * all_.head_dim;
  head.value_ring.data += index * all_.value_dim;
  head.output.data += index * all_.queries_per_head * all_.value_dim;
  head.scratch += index * kernels::softmax_attention_scratch();
  return head;
}

Status SoftmaxAttention::run(const Chunk& chunk) {
  const auto seen =
      static_cast<size_t>(std::min<uint64_t>(chunk.position + chunk.extents.tokens, all_.capacity));
  const size_t work =
      chunk.extents.tokens * seen * key_value_heads_ * all_.queries_per_head * 2 * all_.head_dim;
  parallel_for(threads_, key_value_heads_, work, [&](size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) kernels::softmax_attention(head(i, chunk));
  });
  return Status::ok();
}

}  // namespace linnet
