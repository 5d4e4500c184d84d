#pragma once

#include <pthreadpool.h>
#include <xnnpack.h>

#include "runtime/base/status.h"
#include "runtime/kernels/rows.h"
#include "runtime/ops/xnn_quantized_rows.h"

namespace linnet {

/// f32 rows -> integers: dynamic_int8 ones by XNNPACK, dynamic_int16 ones by a kernel of ours.
class RowQuantizer {
 public:
  RowQuantizer() = default;
  RowQuantizer(const RowQuantizer&) = delete;
  RowQuantizer& operator=(const RowQuantizer&) = delete;
  ~RowQuantizer();

  Status prepare(kernels::ConstRows x, size_t columns, const QuantizedRows& y,
                 pthreadpool_t threads);

  /// Makes y of the first `rows` rows of x.
  Status run(size_t rows);

 private:
  pthreadpool_t threads_for(size_t rows) const;
  Status run_int8(size_t rows);

  kernels::ConstRows x_;
  size_t columns_ = 0;
  QuantizedRows y_;
  pthreadpool_t threads_ = nullptr;
  xnn_operator_t operator_ = nullptr;
  size_t set_up_rows_ = 0;
};

}  // namespace linnet
