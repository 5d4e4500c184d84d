#pragma once

#include "runtime/kernels/stabilized_gates.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// The exponential gates of mLSTM, kept in range by their running maximum.
class StabilizedGates final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::StabilizedGatesArguments arguments_;
};

}  // namespace linnet
