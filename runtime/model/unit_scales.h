#pragma once

#include <cstring>

#include "runtime/base/array.h"
#include "runtime/model/linear_weights.h"

namespace linnet {

/// Scales of one, as many as a matrix has: for sizes and layouts, on which scales have no
/// influence.
class UnitScales {
 public:
  /// False: there is no memory.
  bool make(const LinearWeights& weights) {
    if (weights.type != DataType::int8 && weights.type != DataType::int4) return true;
    constexpr float one = 1.0f;
    constexpr uint16_t one_bf16 = 0x3f80;
    const size_t count = weights.scale_count();
    if (!bytes_.allocate(count * weights.scale_bytes())) return false;
    for (size_t i = 0; i < count; ++i) {
      const bool is_f32 = weights.scale_bytes() == sizeof one;
      std::memcpy(bytes_.data() + i * weights.scale_bytes(),
                  is_f32 ? static_cast<const void*>(&one) : &one_bf16, weights.scale_bytes());
    }
    return true;
  }
  const void* data() const { return bytes_.data(); }

 private:
  Array<std::byte> bytes_;
};

}  // namespace linnet
