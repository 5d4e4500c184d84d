#pragma once

#include "runtime/kernels/rows.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// The columns of all inputs, side by side.
class Concatenate final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  struct Part {
    kernels::ConstRows x;
    size_t width = 0;
    size_t column = 0;  ///< of the output
  };

  Dimension rows_;
  Array<Part> parts_;
  kernels::MutableRows y_;
};

}  // namespace linnet
