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

enum Input : size_t {
  query,
  key,
  value,
  key_ring,
  value_ring,
  bias,
  position_query,
  position_keys,
  token_types,
  type_scores,
  most_inputs
};
constexpr size_t least_inputs = bias;

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

const Tensor* optional_input(const Site& site, Input input) {
  return input < site.inputs() ? site.input(input) : nullptr;
}

Status check_bias(const Site& site, AttentionMask mask, size_t heads) {
  const Tensor* table = optional_input(site, bias);
  if (table == nullptr) return Status::ok();
  if (mask == AttentionMask::cross) return site.fail("has a bias between positions of two texts");
  const size_t columns = table->columns().is_number() ? table->columns().number() : 0;
  if (columns % 2 == 0) return site.fail("has a bias without a middle");
  return site.expect_weight(table, "bias", {heads, columns});
}

Status check_positions(const Site& site, AttentionMask mask, size_t columns) {
  const Tensor* keys = optional_input(site, position_keys);
  if (keys == nullptr && optional_input(site, position_query) == nullptr) return Status::ok();
  if (mask == AttentionMask::cross) return site.fail("has positions between two texts");
  const Dimension tokens(Dimension::Kind::tokens);
  const Tensor* queries = optional_input(site, position_query);
  const Status status = site.expect_activation(queries, "position query", tokens, columns);
  if (status.failed()) return status;
  const bool has_rows = keys != nullptr && keys->rank == 2 && keys->rows().is_number();
  const size_t rows = has_rows ? keys->rows().number() : 0;
  if (rows == 0) return site.fail("has no position keys");
  if (mask == AttentionMask::all && rows % 2 == 0) {
    return site.fail("has position keys without a middle");
  }
  return site.expect_weight(keys, "position keys", {rows, columns});
}

Status check_types(const Site& site, AttentionMask mask, size_t heads) {
  const Tensor* types = optional_input(site, token_types);
  const Tensor* scores = optional_input(site, type_scores);
  if (types == nullptr && scores == nullptr) return Status::ok();
  const Dimension tokens(Dimension::Kind::tokens);
  if (mask != AttentionMask::all) return site.fail("tells token types apart in a stream");
  if (types == nullptr || types->type != DataType::int32 || types->rank != 1 ||
      types->storage != Storage::activation || types->shape[0] != tokens) {
    return site.fail("its token types are not int32 numbers, one per token");
  }
  return site.expect_activation(scores, "type scores", tokens, heads * 2);
}

}  // namespace

Status SoftmaxAttention::check(const Site& site) {
  const size_t inputs = std::clamp<size_t>(site.inputs(), least_inputs, most_inputs);
  Status status = site.expect_counts(inputs, 1);
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
  if (!status.failed()) {
    status = check_positions(site, attention.mask, attention.heads * sizes.head_dim);
  }
  if (!status.failed()) status = check_types(site, attention.mask, attention.heads);
  if (status.failed()) return status;
  return site.expect_activation(&output, "output", tokens, attention.heads * sizes.value_dim);
}

size_t SoftmaxAttention::scratch_bytes(const Site& site, const Extents&) {
  const auto& attention = site.attributes<SoftmaxAttentionAttributes>();
  return kernels::softmax_attention_scratch() * attention.key_value_heads * sizeof(float);
}

size_t SoftmaxAttention::positions(const Graph& graph, const Operator& op) {
  const auto& attention = *std::get_if<SoftmaxAttentionAttributes>(&op.attributes);
  const bool has_keys = position_keys < op.inputs.size() && op.inputs[position_keys] >= 0;
  if (!has_keys || attention.clamps_distance || attention.mask != AttentionMask::all) return 0;
  return graph.tensors[static_cast<size_t>(op.inputs[position_keys])].rows().number() / 2 + 1;
}

std::span<const int32_t> SoftmaxAttention::rings(const Operator& op) {
  const auto* attention = std::get_if<SoftmaxAttentionAttributes>(&op.attributes);
  if (attention == nullptr || attention->mask != AttentionMask::causal) return {};
  return op.inputs.span().subspan(key_ring, 2);
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
    all_.spare_rows = bindings.spare_ring_rows();
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
  all_.segment = attention.segment;
  if (bindings.has_input(token_types)) {
    all_.token_types = bindings.input<const int32_t>(token_types);
    all_.type_scores = bindings.input_rows(type_scores);
  }
  return bindings.has_input(position_keys) ? prepare_positions(bindings) : Status::ok();
}

Status SoftmaxAttention::prepare_positions(const Bindings& bindings) {
  const auto& attention = *std::get_if<SoftmaxAttentionAttributes>(&bindings.op().attributes);
  const bool is_causal = attention.mask == AttentionMask::causal;
  const size_t rows = bindings.input_tensor(position_keys).rows().number();
  const size_t farthest = is_causal ? rows - 1 : rows / 2;
  all_.position_query = bindings.input_rows(position_query);
  all_.position_keys = bindings.input_rows(position_keys);
  if (!is_causal) all_.position_keys.data = all_.position_keys[farthest];
  all_.nearest = is_causal ? 0 : -static_cast<int64_t>(farthest);
  all_.farthest = static_cast<int64_t>(farthest);
  if (!is_causal || attention.clamps_distance || all_.capacity <= rows) return Status::ok();
  return Status::error(LINNET_INVALID_ARGUMENT,
                       "has positions for a context of at most %zu tokens, this session's is %zu",
                       rows, all_.capacity);
}

/// Key-value head `index` of a text's rows.
kernels::SoftmaxAttentionHead SoftmaxAttention::head(size_t index, const Chunk& chunk,
                                                     size_t text) const {
  kernels::SoftmaxAttentionHead head = all_;
  const auto move = [&](auto& rows, size_t first, size_t columns) {
    if (rows) rows.data = rows[first] + columns;
  };
  const TextRows rows = chunk.texts[text];
  head.position = chunk.position_of(text);
  head.tokens = rows.count;
  head.key_ring.data = chunk.state_of(text, all_.key_ring.data);
  head.value_ring.data = chunk.state_of(text, all_.value_ring.data);
  if (head.mask == AttentionMask::cross) {
    head.capacity = chunk.source_of(text);
  } else if (chunk.paths != nullptr) {
    head.path = chunk.paths + text * chunk.path_stride;
  }
  move(head.query, rows.first, index * all_.queries_per_head * all_.head_dim);
  move(head.key, rows.first, index * all_.head_dim);
  move(head.value, rows.first, index * all_.value_dim);
  move(head.key_ring, 0, index * all_.head_dim);
  move(head.value_ring, 0, index * all_.value_dim);
  move(head.bias, index * all_.queries_per_head, 0);
  move(head.position_query, rows.first, index * all_.queries_per_head * all_.head_dim);
  move(head.position_keys, 0, index * all_.queries_per_head * all_.head_dim);
  move(head.type_scores, rows.first, index * all_.queries_per_head * 2);
  if (head.token_types != nullptr) head.token_types += rows.first;
  move(head.output, rows.first, index * all_.queries_per_head * all_.value_dim);
  head.scratch += index * kernels::softmax_attention_scratch();
  return head;
}

/// Keys that the tokens of a text see, all together.
size_t SoftmaxAttention::seen(const Chunk& chunk, size_t text) const {
  const size_t count = chunk.texts[text].count;
  switch (all_.mask) {
    case AttentionMask::causal:
      return count * static_cast<size_t>(
                         std::min<uint64_t>(chunk.position_of(text) + count, all_.capacity));
    case AttentionMask::all:
      return count * (all_.window == 0 ? count : std::min(count, 2 * all_.window + 1));
    case AttentionMask::cross:
      break;
  }
  return count * chunk.source_of(text);
}

Status SoftmaxAttention::run(const Chunk& chunk) {
  // Where the tokens of all texts see the same, they read it together.
  const bool sees_source = all_.mask == AttentionMask::cross && chunk.streams.empty();
  const TextRows all_rows = {.first = 0, .count = chunk.extents.tokens};
  Chunk together = chunk;
  if (sees_source) together.texts = {&all_rows, 1};
  size_t keys = 0;
  for (size_t text = 0; text < together.texts.size(); ++text) keys += seen(together, text);
  const size_t work = keys * key_value_heads_ * all_.queries_per_head * 2 * all_.head_dim;
  parallel_for(threads_, key_value_heads_, work, [&](size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) {
      for (size_t text = 0; text < together.texts.size(); ++text) {
        kernels::softmax_attention(head(i, together, text));
      }
    }
  });
  return Status::ok();
}

}  // namespace linnet
