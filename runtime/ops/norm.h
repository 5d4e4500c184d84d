#pragma once

#include "runtime/kernels/norm.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// Layer, RMS and L2 normalisation of whole rows or of equal groups of their columns.
class Norm final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Dimension rows_;
  kernels::NormArguments arguments_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
