#pragma once

#include "runtime/kernels/norm.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// Layer, RMS and L2 normalisation of whole rows or of equal groups of their columns.
class Norm final : public RowOperation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;

 private:
  kernels::NormArguments arguments_;
};

}  // namespace linnet
