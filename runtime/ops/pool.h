#pragma once

#include "runtime/kernels/rows.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// One row for each text of a batch: its first or last token's, their mean of some kind or maximum.
class Pool final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  TextRows counted(TextRows text) const;
  void pool(TextRows text, float* y) const;

  PoolAttributes attributes_;
  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::MutableRows y_;
};

}  // namespace linnet
