#pragma once

#include "runtime/kernels/time_mix.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// A short depthwise convolution over time, with its tail as state.
class CausalConv final : public RowOperation {
 public:
  static size_t rows_before(const Site& site);
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;
  void finish(const Chunk& chunk) override;

 private:
  kernels::CausalConvArguments arguments_;
  kernels::MutableRows tail_;
};

}  // namespace linnet
