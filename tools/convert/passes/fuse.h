#pragma once

#include "tools/convert/graph.h"

namespace linnet::convert {

/// Makes one Linear of those that read the same input and whose weights have the same role: their
/// matrices one above the other, their outputs columns of one. A decoded token then wakes the
/// threads once instead of several times, and a chunk's product is one larger one. A gate's
/// activation becomes an operator behind it: gates have few columns. Other operators with an
/// activation, and those with a matrix that something else reads too, stay as they are.
void fuse_projections(Graph& graph);

}  // namespace linnet::convert
