#pragma once

#include "runtime/kernels/features.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// One small matrix for all heads, such as the random projection of Performer's feature maps.
class HeadLinear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Dimension rows_;
  kernels::HeadLinearArguments arguments_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
