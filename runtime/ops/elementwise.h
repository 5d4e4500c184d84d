#pragma once

#include "runtime/kernels/elementwise.h"
#include "runtime/ops/row_operation.h"

namespace linnet {

/// A chain of elementwise steps in one pass over the rows.
class Elementwise final : public RowOperation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  void run_rows(const Chunk& chunk, size_t first, size_t count) override;

 private:
  static constexpr size_t most_steps = 16;

  std::span<const kernels::ElementwiseStep> steps_from(
      size_t row, kernels::ElementwiseStep (&moved)[most_steps]) const;

  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::MutableRows y_;
  kernels::ElementwiseStep steps_[most_steps];
  size_t step_count_ = 0;
};

}  // namespace linnet
