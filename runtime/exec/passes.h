#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

enum class PassKind : uint8_t {
  single,   ///< one operator
  rows,     ///< RowOperations
  products  ///< Linears in panels
};

/// The pass that an operator is part of: neighbouring operators that run together, so that threads
/// are woken once for all. A block of rows goes through all operators that work row by row
/// (RowOperation) before the next block, so that what one makes is in the cache when the next reads
/// it. Products that do not read each other's results are shared out as if they were one.
struct PassPlace {
  size_t first = 0;  ///< the pass is operators [first, end)
  size_t end = 0;
  PassKind kind = PassKind::single;
  /// Of rows: at the start of every thread's share so many wait until all threads are done, since
  /// they are made of rows of the share before. Never less than that of an operator before it in
  /// the pass.
  size_t lag = 0;
};

/// Finds the passes of a verified graph: one place per operator. Results are those of the operators
/// one after another, bit for bit.
Status plan_passes(const Graph& graph, Array<PassPlace>* out);

}  // namespace linnet
