#pragma once

#include <cstddef>

#include "runtime/base/status.h"
#include "runtime/model/linear_weights.h"
#include "runtime/model/pack_target.h"

namespace linnet {

/// Lays matrices out in one way.
class MatrixPacker {
 public:
  /// Bytes of a packed matrix. Only the sizes in `weights` are looked at.
  virtual Status bytes(const LinearWeights& weights, size_t* out) const = 0;

  /// Packs the matrix, with its scales and bias, into `packed`: so many bytes, 64-byte aligned.
  virtual Status pack(const LinearWeights& weights, void* packed, size_t bytes) const = 0;

 protected:
  ~MatrixPacker() = default;
};

/// As this machine's kernels read them.
class NativePacker final : public MatrixPacker {
 public:
  Status bytes(const LinearWeights& weights, size_t* out) const override;
  Status pack(const LinearWeights& weights, void* packed, size_t bytes) const override;
};

/// As the kernels of a target read them; works on every machine. For tools that prepare files.
class TargetPacker final : public MatrixPacker {
 public:
  explicit TargetPacker(const PackTarget& target) : target_(target) {}

  Status bytes(const LinearWeights& weights, size_t* out) const override;
  Status pack(const LinearWeights& weights, void* packed, size_t bytes) const override;

 private:
  const PackTarget& target_;
};

}  // namespace linnet
