#pragma once

#include "runtime/ops/quantized_rows.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// f32 rows -> rows of integers that matrices of few bits are multiplied by.
class Quantize final : public RowOperation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;
  void finish(const Chunk& chunk) override;

 private:
  kernels::ConstRows x_;
  size_t columns_ = 0;
  QuantizedRows y_;
};

}  // namespace linnet
