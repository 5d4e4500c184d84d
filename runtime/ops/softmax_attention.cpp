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

enum Input : size_t { query, key, value, key_ring, value_ring, input_count, bias = input_count };
constexpr size_t most_inputs = bias + 1;

/// The tokens that the states hold: a sliding window's number, the session's context, or those of
/// the encoded text.
Dimension capacity_of(AttentionMask mask, const Tensor* ring) {
  if (mask == AttentionMask::cross) return Dimension(Dimension::Kind::source);
  const Dimension context(Dimension::Kind::context);
  return ring != nullptr && ring->rank == 2 && ring->rows().is_number() ? ring->rows() : context;
}

Status check_states(const Site& site, AttentionMask mask, size_t keys, size_t values) {
  const Tensor* ring = site.input(key_ring);
  if (mask == AttentionMask::all) {
    return ring == nullptr && site.input(value_ring) == nullptr
               ? Status::ok()
               : site.fail("has states, though it sees its own text alone");
  }
  const Dimension capacity = capacity_of(mask, ring);
  if (capacity == Dimension(size_t{0})) return site.fail("has rings of no tokens");
  const Status status = site.expect_state(ring, "key ring", {capacity, Dimension(keys)});
  if (status.failed()) return status;
  return site.expect_state(site.input(value_ring), "value ring", {capacity, Dimension(values)});
}

Status check_keys(const Site& site, AttentionMask mask, size_t keys, size_t values) {
  if (mask == AttentionMask::cross) {
    return site.input(key) == nullptr && site.input(value) == nullptr
               ? Status::ok()
               : site.fail("has keys of its own, though it sees an encoded text");
  }
  const Dimension tokens(Dimension::Kind::tokens);
  const Status status = site.expect_activation(site.input(key), "key", tokens, keys);
  return status.failed() ? status
                         : site.expect_activation(site.input(value), "value", tokens, values);
}

Status check_bias(const Site& site, AttentionMask mask, size_t heads) {
  const Tensor* table = site.input(bias);
  if (table == nullptr) return Status::ok();
  if (mask == AttentionMask::cross) return site.fail("has a bias between positions of two texts");
  const size_t columns = table->columns().is_number() ? table->columns().number() : 0;
  if (columns % 2 == 0) return site.fail("has a bias without a middle");
  return site.expect_weight(table, "bias", {heads, columns});
}

}  // namespace

Status SoftmaxAttention::check(const Site& site) {
  Status status = site.expect_counts(site.inputs() == most_inputs ? most_inputs : input_count, 1);
  if (status.failed()) return status;
  const auto& attention = site.attributes<SoftmaxAttentionAttributes>();
  if (attention.key_value_heads == 0 || attention.heads == 0 ||
      attention.heads % attention.key_value_heads != 0) {
    return site.fail("has heads that its key-value heads do not divide");
  }
  const Tensor* q = site.input(query);
  const Tensor& output = site.output(0);
  if (q == nullptr || q->rank != 2 || q->columns().number() % attention.heads != 0 ||
      output.columns().number() % attention.heads != 0) {
    return site.fail("has columns that its heads do not divide");
  }
  const Dimension tokens(Dimension::Kind::tokens);
  const HeadSizes sizes = sizes_of(attention, *q, output);
  const size_t keys = attention.key_value_heads * sizes.head_dim;
  const size_t values = attention.key_value_heads * sizes.value_dim;
  status = site.expect_activation(q, "query", tokens, attention.heads * sizes.head_dim);
  if (!status.failed()) status = check_keys(site, attention.mask, keys, values);
  if (!status.failed()) status = check_states(site, attention.mask, keys, values);
  if (!status.failed()) status = check_bias(site, attention.mask, attention.heads);
  if (status.failed()) return status;
  return site.expect_activation(&output, "output", tokens, attention.heads * sizes.value_dim);
}

size_t SoftmaxAttention::scratch_bytes(const Site& site, const Extents&) {
  const auto& attention = site.attributes<SoftmaxAttentionAttributes>();
  return kernels::softmax_attention_scratch() * attention.key_value_heads * sizeof(float);
}

Status SoftmaxAttention::prepare(const Bindings& bindings) {
  const auto& attention = *std::get_if<SoftmaxAttentionAttributes>(&bindings.op().attributes);
  const HeadSizes sizes =
      sizes_of(attention, bindings.input_tensor(query), bindings.output_tensor(0));
  const auto optional_rows = [&](Input input) {
    return bindings.has_input(input) ? bindings.input_rows(input) : kernels::ConstRows{};
  };
  key_value_heads_ = attention.key_value_heads;
  threads_ = bindings.threads();
  all_.mask = attention.mask;
  all_.window = attention.window;
  if (attention.mask == AttentionMask::causal) {
    all_.capacity =
        capacity_of(attention.mask, &bindings.input_tensor(key_ring)).in(bindings.largest());
  }
  all_.queries_per_head = sizes.queries_per_head;
  all_.head_dim = sizes.head_dim;
  all_.value_dim = sizes.value_dim;
  all_.scale = attention.scale;
  all_.query = bindings.input_rows(query);
  all_.key = optional_rows(key);
  all_.value = optional_rows(value);
  all_.key_ring = {bindings.input<float>(key_ring), key_value_heads_ * sizes.head_dim};
  all_.value_ring = {bindings.input<float>(value_ring), key_value_heads_ * sizes.value_dim};
  all_.bias = optional_rows(bias);
  all_.bias_reach = all_.bias ? all_.bias.stride / 2 : 0;
  all_.output = bindings.output_rows(0);
  all_.scratch = reinterpret_cast<float*>(bindings.scratch());
  return Status::ok();
}

/// Key-value head `index` of a text's rows.
kernels::SoftmaxAttentionHead SoftmaxAttention::head(size_t index, const Chunk& chunk,
                                                     TextRows text) const {
  kernels::SoftmaxAttentionHead head = all_;
  const auto move = [&](auto& rows, size_t first, size_t columns) {
    if (rows) rows.data = rows[first] + columns;
  };
  head.position = chunk.position;
  head.tokens = text.count;
  if (head.mask == AttentionMask::cross) head.capacity = chunk.extents.source;
  move(head.query, text.first, index * all_.queries_per_head * all_.head_dim);
  move(head.key, text.first, index * all_.head_dim);
  move(head.value, text.first, index * all_.value_dim);
  move(head.key_ring, 0, index * all_.head_dim);
  move(head.value_ring, 0, index * all_.value_dim);
  move(head.bias, index * all_.queries_per_head, 0);
  move(head.output, text.first, index * all_.queries_per_head * all_.value_dim);
  head.scratch += index * kernels::softmax_attention_scratch();
  return head;
}

/// Keys that a token of a text may see.
size_t SoftmaxAttention::seen(const Chunk& chunk, TextRows text) const {
  switch (all_.mask) {
    case AttentionMask::causal:
      return static_cast<size_t>(std::min<uint64_t>(chunk.position + text.count, all_.capacity));
    case AttentionMask::all:
      return all_.window == 0 ? text.count : std::min(text.count, 2 * all_.window + 1);
    case AttentionMask::cross:
      break;
  }
  return chunk.extents.source;
}

Status SoftmaxAttention::run(const Chunk& chunk) {
  for (const TextRows& text : chunk.texts) {
    const size_t work = text.count * seen(chunk, text) * key_value_heads_ * all_.queries_per_head *
                        2 * all_.head_dim;
    parallel_for(threads_, key_value_heads_, work, [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) {
        kernels::softmax_attention(head(i, chunk, text));
      }
    });
  }
  return Status::ok();
}

}  // namespace linnet
