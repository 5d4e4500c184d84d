#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/model/graph.h"
#include "runtime/model/linear_weights.h"

namespace linnet {

/// Where a matrix that an operator multiplies by lies: part `part` of `parts` of as many rows that
/// stand one behind another in a weight.
struct MatrixPlace {
  int32_t weight = -1;
  int32_t bias = -1;
  size_t part = 0;
  size_t parts = 1;

  /// How many matrices a verified operator multiplies by: one of a Linear, one per group of a
  /// GroupedLinear, two per expert of a MixtureOfExperts (gate and up, then down), else none.
  static size_t count(const Operator& op);

  /// Matrix `index` of the operator's.
  static MatrixPlace of(const Operator& op, size_t index);

  LinearWeights weights(const Graph& graph) const {
    return LinearWeights::of(graph, weight, bias, part, parts);
  }

  friend bool operator==(const MatrixPlace&, const MatrixPlace&) = default;
};

}  // namespace linnet
