#pragma once

#include "runtime/kernels/features.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// Performer's positive random features of queries or keys, one head after another. Keys are scaled
/// by the largest projection. Where that is a running one, a second output says by how much the
/// memory of the keys before must shrink; else, when it has grown since the last chunk, the chunk
/// learns that what the layers above remember is outdated.
class SoftmaxFeatures final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site&, const Extents&) { return 0; }

  /// Whether the operator may find that what others remember is outdated.
  static bool outdates(const Operator& op);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  kernels::SoftmaxFeaturesHead head(size_t index, size_t first, size_t count) const;
  void run_running(size_t index, const Chunk& chunk, size_t text);
  bool run_whole(size_t index, const Chunk& chunk, TextRows text);

  SoftmaxFeaturesAttributes attributes_;
  kernels::SoftmaxFeaturesHead all_;  ///< addresses and strides of head 0
  kernels::MutableRows decay_;        ///< [T, heads * (m + 1)]; running only
  float* maxima_ = nullptr;           ///< state [heads], or null; without meaning at position 0
};

}  // namespace linnet
