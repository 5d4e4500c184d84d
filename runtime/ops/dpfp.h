#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// The deterministic parameter-free projection of Schlag et al. 2021, head by head.
class Dpfp final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Dimension rows_;
  DpfpAttributes attributes_;
  size_t width_ = 0;  ///< of a head of x
  kernels::ConstRows x_;
  kernels::MutableRows y_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
