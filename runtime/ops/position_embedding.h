#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// Adds the row of a table that belongs to each token's position. Trusts that the table reaches:
/// the session refuses more tokens than that before it runs anything.
class PositionEmbedding final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  /// How many tokens have a position.
  static size_t positions(const Graph& graph, const Operator& op);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::ConstRows table_;  ///< from the first token's row on
  kernels::MutableRows y_;
};

}  // namespace linnet
