#pragma once

#include "runtime/kernels/softmax_attention.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// Softmax attention, query heads in groups: causal over a ring of the last tokens, as many as a
/// window or the context has; over all of a text; or over a text that was encoded before.
class SoftmaxAttention final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents&);

  /// Tokens of the longest text whose distances all have position keys; 0: texts may be of any
  /// length.
  static size_t positions(const Graph& graph, const Operator& op);

  /// The states of an operator, if it is of this kind, that hold the stream's last tokens.
  static std::span<const int32_t> rings(const Operator& op);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  Status prepare_positions(const Bindings& bindings);
  kernels::SoftmaxAttentionHead head(size_t index, const Chunk& chunk, size_t text) const;
  size_t seen(const Chunk& chunk, size_t text) const;

  size_t key_value_heads_ = 0;
  kernels::SoftmaxAttentionHead all_;  ///< addresses and strides of head 0
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
