#pragma once

#include "runtime/kernels/rotary.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// Rotary position embedding of the first channels of every head.
class Rotary final : public RowOperation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;

 private:
  const float* frequencies_ = nullptr;
  float scale_ = 1;
  float* cosines_ = nullptr;
  float* sines_ = nullptr;
  kernels::RotaryArguments arguments_;
};

}  // namespace linnet
