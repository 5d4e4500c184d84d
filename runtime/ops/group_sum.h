#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// The sum over each equal group of columns.
class GroupSum final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Dimension rows_;
  size_t groups_ = 0;
  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::MutableRows y_;
};

}  // namespace linnet
