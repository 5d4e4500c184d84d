#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// RWKV's token shift: y_i[t] = x[t] + (x[t-1] - x[t]) * mix_i for every output i, where x[-1] is
/// `last`, [width]. Makes rows [first, first + count), of which none depends on another. An output
/// may not overlap x.
struct TokenShiftArguments {
  size_t width = 0;
  ConstRows x;
  const float* last = nullptr;
  std::span<const float* const> mixes;   ///< each [width]
  std::span<const MutableRows> outputs;  ///< as many as mixes
};
void token_shift(const TokenShiftArguments& arguments, size_t first, size_t count);

/// The longest kernel of causal_conv.
inline constexpr size_t max_conv_kernel = 16;

/// A causal depthwise convolution: y[t, c] = activation(bias[c] + sum_j weight[j, c] x[t -
/// (kernel-1) + j, c]) where rows before the chunk come from `tail` [kernel - 1, width], oldest
/// first. Makes rows [first, first + count), of which none depends on another. y may not overlap x.
struct CausalConvArguments {
  size_t width = 0;
  size_t kernel = 0;  ///< 1 .. max_conv_kernel
  ConstRows x;
  ConstRows weight;             ///< [kernel, width]
  const float* bias = nullptr;  ///< [width] or null
  ConstRows tail;
  MutableRows y;
  Activation activation = Activation::none;
};
void causal_conv(const CausalConvArguments& arguments, size_t first, size_t count);

/// Makes `tail`, the last `rows` rows of a stream, oldest first, those after `tokens` more: x.
void move_tail(size_t tokens, ConstRows x, size_t width, size_t rows, MutableRows tail);

}  // namespace linnet::kernels
