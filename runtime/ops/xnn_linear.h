#pragma once

#include <xnnpack.h>

#include "runtime/kernels/half_matrix.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/xnn_dynamic_int8.h"

namespace linnet {

/// y = activation(x W^T + bias). By XNNPACK: f32 weights, or int8 and int4 ones with rows that a
/// Quantize made int8. By a kernel of ours, which reads them as they lie in the file: f16 weights.
class Linear final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  ~Linear() override;
  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  /// How a kind of weights is multiplied.
  enum class Kernel : uint8_t { f32, f16, int8, int4_rows, int4_blocks };

  static Kernel kernel_of(const Tensor& matrix);
  xnn_status set_up(size_t rows);
  Status run_xnnpack(size_t rows);
  void run_f16(size_t rows);
  void join_pieces(size_t rows);
  pthreadpool_t threads_for(size_t rows) const;

  Kernel kernel_ = Kernel::f32;
  xnn_operator_t operator_ = nullptr;
  kernels::HalfMatrix half_;
  Dimension rows_;
  size_t columns_ = 0;
  size_t inputs_ = 0;
  kernels::ConstRows x_;
  DynamicInt8 quantized_x_;
  size_t pieces_ = 1;                    ///< int8 rows that stand for a row of x
  kernels::MutableRows piece_products_;  ///< of two pieces; scratch
  const float* bias_ = nullptr;
  kernels::MutableRows y_;
  Activation activation_ = Activation::none;
  pthreadpool_t threads_ = nullptr;
  size_t set_up_rows_ = 0;
};

}  // namespace linnet
