#pragma once

#include "runtime/kernels/time_mix.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// RWKV's token shift: every output is x, mixed with the row before it.
class TokenShift final : public RowOperation {
 public:
  static size_t rows_before(const Site&) { return 1; }
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;
  void finish(const Chunk& chunk) override;

 private:
  static constexpr size_t most_outputs = 8;

  kernels::TokenShiftArguments arguments_;
  float* last_ = nullptr;
  const float* mixes_[most_outputs] = {};
  kernels::MutableRows outputs_[most_outputs];
};

}  // namespace linnet
