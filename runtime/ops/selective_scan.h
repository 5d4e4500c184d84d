#pragma once

#include "runtime/kernels/selective_scan.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// The selective state space of Mamba, or the RG-LRU. Columns run on all threads.
class SelectiveScan final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::SelectiveScanArguments arguments_of(const Chunk& chunk, size_t text) const;

  kernels::SelectiveScanArguments arguments_;
  size_t width_ = 0;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
