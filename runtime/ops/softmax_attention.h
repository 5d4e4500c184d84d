#pragma once

#include "runtime/kernels/softmax_attention.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// Causal softmax attention over a ring of the last tokens, as many as a window or the context has,
/// query heads in groups.
class SoftmaxAttention final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents&);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::SoftmaxAttentionHead head(size_t index, const Chunk& chunk) const;

  size_t key_value_heads_ = 0;
  kernels::SoftmaxAttentionHead all_;  ///< addresses and strides of head 0
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
