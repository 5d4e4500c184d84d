#include "runtime/exec/verify.h"

#include "runtime/exec/operator_table.h"

namespace linnet {

Status verify_graph(const Graph& graph) {
  for (const Operator& op : graph.operators) {
    const Status status = entry_of(op).check(Site(graph, op));
    if (status.failed()) return status;
  }
  return Status::ok();
}

}  // namespace linnet
