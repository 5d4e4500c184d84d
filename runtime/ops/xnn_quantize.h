#pragma once

#include <xnnpack.h>

#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_dynamic_int8.h"

namespace linnet {

/// f32 rows -> int8 rows with a zero point and a scale each, by XNNPACK; for dynamic_int16 also
/// what that left over, by a kernel of ours.
class Quantize final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  ~Quantize() override;
  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  xnn_status set_up(size_t rows);
  void quantize_residuals(size_t rows);

  xnn_operator_t operator_ = nullptr;
  Dimension rows_;
  size_t columns_ = 0;
  size_t pieces_ = 1;
  kernels::ConstRows x_;
  DynamicInt8 y_;
  pthreadpool_t threads_ = nullptr;
  size_t set_up_rows_ = 0;
};

}  // namespace linnet
