#pragma once

#include "runtime/kernels/time_mix.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// A short depthwise convolution over time, with its tail as state.
class CausalConv final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  size_t width_ = 0;
  kernels::CausalConvArguments arguments_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
