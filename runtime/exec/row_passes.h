#pragma once

#include <cstddef>

#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

/// The pass over a chunk that an operator is part of. Neighbouring operators that work row by row
/// (RowOperation) share one: a block of rows goes through all of them before the next block, so
/// that what one makes is in the cache when the next reads it, and threads are woken once for all.
/// Any other operator is a pass of its own.
struct PassPlace {
  size_t first = 0;  ///< the pass is operators [first, end)
  size_t end = 0;
  /// At the start of every thread's share so many rows wait until all threads are done: they are
  /// made of rows of the share before. Never less than that of an operator before it in the pass.
  size_t lag = 0;
};

/// Finds the passes of a verified graph: one place per operator. Results are those of the operators
/// one after another, bit for bit.
Status plan_row_passes(const Graph& graph, Array<PassPlace>* out);

}  // namespace linnet
