#pragma once

#include "runtime/kernels/wkv.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// RWKV-4's attention: per channel a fading weighted mean of values.
class Wkv final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::WkvArguments arguments_of(const Chunk& chunk, size_t text) const;

  size_t width_ = 0;
  kernels::WkvArguments arguments_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
