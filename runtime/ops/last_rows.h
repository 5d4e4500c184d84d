#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// The last L rows of T: so that only the tokens whose logits are wanted pay for the vocabulary
/// head.
class LastRows final : public Operation {
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
