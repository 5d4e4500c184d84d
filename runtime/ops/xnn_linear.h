#pragma once

#include <xnnpack.h>

#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_dynamic_int8.h"

namespace linnet {

/// y = activation(x W^T + bias) by XNNPACK: f32, or int8 weights with rows that a Quantize made
/// int8.
class Linear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  ~Linear() override;
  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  xnn_status set_up(size_t rows);
  pthreadpool_t threads_for(size_t rows) const;

  xnn_operator_t operator_ = nullptr;
  bool is_int8_ = false;
  Dimension rows_;
  size_t columns_ = 0;
  size_t inputs_ = 0;
  const float* x_ = nullptr;
  DynamicInt8 quantized_x_;
  kernels::MutableRows y_;
  Activation activation_ = Activation::none;
  pthreadpool_t threads_ = nullptr;
  size_t set_up_rows_ = 0;
};

}  // namespace linnet
