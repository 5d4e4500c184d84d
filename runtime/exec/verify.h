#pragma once

#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

/// Checks that the shapes and types of every operator fit together. A graph that passes runs within
/// its tensors, whatever file it came from.
Status verify_graph(const Graph& graph);

}  // namespace linnet
