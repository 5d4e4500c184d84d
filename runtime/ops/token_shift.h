#pragma once

#include "runtime/kernels/time_mix.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// RWKV's token shift: every output is x, mixed with the row before it.
class TokenShift final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  static constexpr size_t most_outputs = 8;

  size_t width_ = 0;
  size_t count_ = 0;
  kernels::ConstRows x_;
  float* last_ = nullptr;
  const float* mixes_[most_outputs] = {};
  kernels::MutableRows outputs_[most_outputs];
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
