#pragma once

#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_row_quantizer.h"

namespace linnet {

/// f32 rows -> rows of integers that matrices of few bits are multiplied by.
class Quantize final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  RowQuantizer quantizer_;
  Dimension rows_;
};

}  // namespace linnet
