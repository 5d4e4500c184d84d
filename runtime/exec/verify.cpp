#include "runtime/exec/verify.h"

#include <algorithm>

#include "runtime/exec/entry_limits.h"
#include "runtime/exec/operator_table.h"
#include "runtime/exec/session_plan.h"
#include "runtime/model/matrix_place.h"

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

/// That this build has the operator, and the types of the matrices that it multiplies by or looks
/// up in.
Status check_is_built(const Graph& graph, const Operator& op) {
  if (entry_of(op).check == nullptr) return left_out("the operator", entry_of(op).name);
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
    if (Status status = check_is_built(graph, op); status.failed()) {
      return status.within("%.*s: ", static_cast<int>(op.name.size()), op.name.data());
    }
    if (Status status = entry_of(op).check(Site(graph, op)); status.failed()) return status;
  }
  return check_whole(graph);
}

}  // namespace linnet
