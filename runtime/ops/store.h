#pragma once

#include "runtime/kernels/rows.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// Keeps what an encoder has made of a text in a state, for the decoder.
class Store final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  size_t width_ = 0;
  kernels::ConstRows x_;
  kernels::MutableRows y_;
};

}  // namespace linnet
