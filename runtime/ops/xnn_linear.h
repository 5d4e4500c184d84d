#pragma once

#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_matrix_product.h"

namespace linnet {

/// y = activation(x W^T + bias), with weights of any type that MatrixProduct takes.
class Linear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

  /// Of a matrix in panels, as MatrixProduct has them: their number, multiply-adds of a chunk, and
  /// columns of y that some of them make, on this thread.
  size_t panels() const { return product_.panels(); }
  size_t work(const Chunk& chunk) const { return product_.work(rows_.in(chunk.extents)); }
  void run_panels(const Chunk& chunk, size_t first, size_t count) const;

 private:
  MatrixProduct product_;
  Dimension rows_;
  const float* x_ = nullptr;  ///< null where x is quantised
  QuantizedRows quantized_x_;
  kernels::MutableRows y_;
};

}  // namespace linnet
