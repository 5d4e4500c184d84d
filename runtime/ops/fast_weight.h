#pragma once

#include "runtime/kernels/fast_weight.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// The fast-weight programmer: linear attention in all its forms. Heads and blocks of value columns
/// run on all threads.
class FastWeight final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::FastWeightHead head(size_t index, const Chunk& chunk, size_t text) const;
  void normalize(const Chunk& chunk, size_t text);
  void run_texts(const Chunk& chunk, size_t first, size_t count);

  FastWeightAttributes attributes_;
  kernels::FastWeightHead all_;    ///< addresses and strides of head 0
  float* normalizer_ = nullptr;    ///< z [heads, key_dim]
  float* read_factors_ = nullptr;  ///< scratch [heads, largest tokens]
  std::span<float> forgotten_;     ///< S and z in scratch, where they are no states
  size_t largest_tokens_ = 0;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
