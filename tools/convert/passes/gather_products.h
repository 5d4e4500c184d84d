#pragma once

#include "tools/convert/graph.h"

namespace linnet::convert {

/// Moves products forward, to others that could run at the same time, so that the runtime runs
/// them as one (runtime/exec/passes.h): those of matrices that it multiplies panel by panel, as
/// soon as what they read is made. Types of weights must have been chosen.
void gather_products(Graph& graph);

}  // namespace linnet::convert
