#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// One key-value head of causal softmax attention with a ring of the last `capacity` tokens, and
/// the `queries_per_head` query heads that share it. Token number n (counted from the start of the
/// stream) lies in ring row n % capacity. The chunk's tokens are position .. position + tokens - 1;
/// each token sees itself and at most the capacity - 1 tokens before it, whatever the chunk's size.
///
///     o_t = sum_n softmax_n(scale q_t . k_n) v_n
///
/// Queries run in blocks that share the reading of keys and values: of older tokens from the rings,
/// of this chunk from `key` and `value`, which may not lie in the rings and are written there last.
/// A token's output has the same bits whatever chunk it came in.
struct SoftmaxAttentionHead {
  uint64_t position = 0;
  size_t tokens = 0;
  size_t capacity = 0;
  size_t queries_per_head = 1;
  size_t head_dim = 0;
  size_t value_dim = 0;
  ConstRows query;         ///< [tokens, queries_per_head * head_dim]
  ConstRows key;           ///< [tokens, head_dim]
  ConstRows value;         ///< [tokens, value_dim]
  MutableRows key_ring;    ///< [capacity, head_dim]
  MutableRows value_ring;  ///< [capacity, value_dim]
  MutableRows output;      ///< [tokens, queries_per_head * value_dim]; may not overlap an input
  float scale = 1.0f;
  float* scratch = nullptr;  ///< softmax_attention_scratch() floats, one per thread at work
};
void softmax_attention(const SoftmaxAttentionHead& head);

/// Floats of scratch that softmax_attention needs.
size_t softmax_attention_scratch();

}  // namespace linnet::kernels
