#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// cos and sin, [tokens, pairs] each, of (position + t) * frequencies[i], times `scale`. Angles are
/// reduced in double precision, so that a position in the millions loses nothing.
void rotary_table(uint64_t position, size_t tokens, const float* frequencies, size_t pairs,
                  float scale, float* cosines, float* sines);

/// Turns the first 2 * pairs channels of each head of x [tokens, heads * head_dim] (RoFormer, Su et
/// al. 2021) and copies the rest. y may be x.
struct RotaryArguments {
  size_t tokens = 0;
  size_t heads = 0;
  size_t head_dim = 0;
  size_t pairs = 0;
  const float* cosines = nullptr;  ///< [tokens, pairs]
  const float* sines = nullptr;    ///< [tokens, pairs]
  RotaryStyle style = RotaryStyle::halves;
  ConstRows x;
  MutableRows y;
};
void rotary(const RotaryArguments& arguments);

}  // namespace linnet::kernels
