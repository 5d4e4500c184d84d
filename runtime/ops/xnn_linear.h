#pragma once

#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_matrix_product.h"

namespace linnet {

/// y = activation(x W^T + bias), with weights of any type that MatrixProduct takes.
class Linear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Status multiply(size_t rows);
  void join_pieces(size_t rows);

  MatrixProduct product_;
  Dimension rows_;
  size_t columns_ = 0;
  const float* x_ = nullptr;
  DynamicInt8 quantized_x_;
  size_t pieces_ = 0;                    ///< int8 rows that stand for a row of x; 0: x is f32
  kernels::MutableRows piece_products_;  ///< of two pieces; scratch
  const float* bias_ = nullptr;
  kernels::MutableRows y_;
  Activation activation_ = Activation::none;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
