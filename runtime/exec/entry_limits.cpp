#include "runtime/exec/entry_limits.h"

#include <algorithm>

#include "runtime/ops/position_embedding.h"
#include "runtime/ops/softmax_attention.h"

namespace linnet {
namespace {

/// Ids index the rows of embedding tables: the smallest table bounds them.
size_t smallest_table(const Graph& graph, const EntryPoint& entry, int32_t ids, size_t otherwise) {
  size_t rows = otherwise;
  for (const Operator& op : graph.operators_of(entry)) {
    if (!std::holds_alternative<EmbeddingAttributes>(op.attributes) || op.inputs[0] != ids)
      continue;
    const Tensor& table = graph.tensors[static_cast<size_t>(op.inputs[1])];
    rows = std::min(rows, table.shape[0].number());
  }
  return rows;
}

}  // namespace

Status EntryLimits::check_tokens(std::span<const int32_t> tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<size_t>(tokens[i]) < token_ids) continue;
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "token %d at index %zu is not one of the model's %zu", tokens[i], i,
                         token_ids);
  }
  return Status::ok();
}

EntryLimits limits_of(const Graph& graph, const EntryPoint& entry) {
  EntryLimits limits;
  limits.token_ids = smallest_table(graph, entry, entry.tokens, INT32_MAX);
  if (entry.token_types >= 0) {
    limits.token_types = smallest_table(graph, entry, entry.token_types, INT32_MAX);
  }
  limits.positions = position_limit(graph, entry);
  return limits;
}

size_t position_limit(const Graph& graph, const EntryPoint& entry) {
  size_t limit = 0;
  for (const Operator& op : graph.operators_of(entry)) {
    size_t positions = 0;
    if (std::holds_alternative<PositionEmbeddingAttributes>(op.attributes)) {
      positions = PositionEmbedding::positions(graph, op);
    } else if (std::holds_alternative<SoftmaxAttentionAttributes>(op.attributes)) {
      positions = SoftmaxAttention::positions(graph, op);
    }
    if (positions != 0) limit = limit == 0 ? positions : std::min(limit, positions);
  }
  return limit;
}

}  // namespace linnet
