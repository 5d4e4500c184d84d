#include "runtime/exec/verify.h"

#include <algorithm>

#include "runtime/exec/entry_limits.h"
#include "runtime/exec/operator_table.h"
#include "runtime/exec/session_plan.h"
#include "runtime/model/matrix_place.h"
#include "runtime/model/operator_name.h"

namespace linnet {
namespace {

bool has_state(const Graph& graph, const Operator& op) {
  return std::any_of(op.inputs.begin(), op.inputs.end(), [&](int32_t input) {
    return input >= 0 && graph.tensors[static_cast<size_t>(input)].storage == Storage::state;
  });
}

bool is_store(const Operator& op) { return std::holds_alternative<StoreAttributes>(op.attributes); }

/// Whether the operator sees no tokens but those of its own chunk.
bool is_bidirectional(const Operator& op) {
  const auto* attention = std::get_if<SoftmaxAttentionAttributes>(&op.attributes);
  return attention != nullptr && attention->mask == AttentionMask::all;
}

/// What an operator alone cannot see.
Status check_whole(const Graph& graph) {
  if (reruns_text(graph) && position_limit(graph, graph.decode) == 0) {
    return Status::error(
        LINNET_INVALID_MODEL,
        "runs its text again and again, but has no table of positions that bounds the text");
  }
  for (const Operator& op : graph.operators_of(graph.encode)) {
    if (has_state(graph, op) && !is_store(op))
      return Site(graph, op).fail("has a state, but an encoder keeps none");
  }
  for (const Operator& op : graph.operators_of(graph.decode)) {
    if (is_store(op) || is_bidirectional(op))
      return Site(graph, op).fail("belongs in an encoder, but stands in a decoder");
  }
  return Status::ok();
}

/// That this build has the types of the matrices that an operator, which has been checked,
/// multiplies by or looks up in.
Status check_weights(const Graph& graph, const Operator& op) {
  const bool is_table = std::holds_alternative<EmbeddingAttributes>(op.attributes);
  for (size_t i = 0; i < MatrixPlace::count(op) + (is_table ? 1 : 0); ++i) {
    const int32_t weight = is_table ? op.inputs[1] : MatrixPlace::of(op, i).weight;
    const DataType type = graph.tensors[static_cast<size_t>(weight)].type;
    if (!has_weights(type)) return left_out("weights of", weights_name(type));
  }
  return Status::ok();
}

}  // namespace

Status verify_graph(const Graph& graph) {
  for (const Operator& op : graph.operators) {
    const OperatorEntry& entry = entry_of(op);
    if (entry.check == nullptr) return name_operator(left_out("the operator", entry.name), op);
    if (Status status = entry.check(Site(graph, op)); status.failed()) return status;
    if (Status status = check_weights(graph, op); status.failed()) return name_operator(status, op);
  }
  return check_whole(graph);
}

}  // namespace linnet
