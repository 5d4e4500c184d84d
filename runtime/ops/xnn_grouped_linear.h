#pragma once

#include "runtime/base/array.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_matrix_product.h"

namespace linnet {

/// A block-diagonal matrix product: each group of columns has a matrix of its own. f32 only: such
/// matrices are small, and steer a memory.
class GroupedLinear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Array<MatrixProduct> products_;  ///< one per group
  Dimension rows_;
  size_t inputs_ = 0;  ///< columns of a group
  size_t outputs_ = 0;
  const float* x_ = nullptr;
  kernels::MutableRows y_;
};

}  // namespace linnet
