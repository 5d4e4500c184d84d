#include "runtime/exec/verify.h"

#include <algorithm>

#include "runtime/exec/operator_table.h"
#include "runtime/exec/session_plan.h"

namespace linnet {
namespace {

bool has_state(const Graph& graph, const Operator& op) {
  return std::any_of(op.inputs.begin(), op.inputs.end(), [&](int32_t input) {
    return input >= 0 && graph.tensors[static_cast<size_t>(input)].storage == Storage::state;
  });
}

/// What an operator alone cannot see.
Status check_whole(const Graph& graph) {
  if (reruns_text(graph) && position_limit(graph) == 0) {
    return Status::error(
        LINNET_INVALID_MODEL,
        "runs its text again and again, but has no table of positions that bounds the text");
  }
  if (graph.entry != EntryKind::encode) return Status::ok();
  for (const Operator& op : graph.operators) {
    if (has_state(graph, op)) return Site(graph, op).fail("has a state, but an encoder keeps none");
  }
  return Status::ok();
}

}  // namespace

Status verify_graph(const Graph& graph) {
  for (const Operator& op : graph.operators) {
    const Status status = entry_of(op).check(Site(graph, op));
    if (status.failed()) return status;
  }
  return check_whole(graph);
}

}  // namespace linnet
