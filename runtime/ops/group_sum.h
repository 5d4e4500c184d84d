#pragma once

#include "runtime/ops/row_operation.h"

namespace linnet {

/// The sum over each equal group of columns.
class GroupSum final : public RowOperation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;

 private:
  size_t groups_ = 0;
  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::MutableRows y_;
};

}  // namespace linnet
