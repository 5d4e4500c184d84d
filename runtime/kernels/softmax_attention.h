#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// One key-value head of softmax attention, and the `queries_per_head` query heads that share it.
///
///     o_t = sum_n softmax_n(scale (q_t . k_n + p_t . r_{t-n} + types) + bias[n - t]) v_n
///
/// causal: token number n (counted from the start of the stream) lies in row n % rows of rings of
/// the last `rows` = capacity + spare_rows tokens. The chunk's tokens are position .. position +
/// tokens - 1; each sees itself and at most the capacity - 1 tokens before it, whatever the chunk's
/// size. Keys and values of older tokens are read from the rings, of this chunk from `key` and
/// `value`, which may not lie in the rings and are written there last. With segments, of which the
/// first starts at token 0, a token sees its segment up to itself, and capacity - segment tokens
/// before that. With a `path`, which has the chunk's tokens, too, the rings must hold more than all
/// of them: several texts that have tokens in common then share the rings. all: each token sees
/// those of the chunk that are at most `window` tokens away, and of `window` 0 all of them; there
/// are no rings. cross: each token sees rows 0 .. capacity - 1 of the rings; there are no `key` and
/// `value`.
///
/// Queries run in blocks that share the reading of keys and values. A token's output has the same
/// bits whatever chunk it came in.
struct SoftmaxAttentionHead {
  AttentionMask mask = AttentionMask::causal;
  uint64_t position = 0;
  size_t tokens = 0;
  size_t capacity = 0;
  size_t spare_rows = 0;           ///< causal: of the rings, beyond `capacity`
  const uint32_t* path = nullptr;  ///< causal: token number n lies in row path[n] of the rings
  size_t window = 0;
  size_t segment = 0;
  size_t queries_per_head = 1;
  size_t head_dim = 0;
  size_t value_dim = 0;
  ConstRows query;         ///< [tokens, queries_per_head * head_dim]
  ConstRows key;           ///< [tokens, head_dim]
  ConstRows value;         ///< [tokens, value_dim]
  MutableRows key_ring;    ///< [capacity + spare_rows, head_dim]
  MutableRows value_ring;  ///< [capacity + spare_rows, value_dim]
  MutableRows output;      ///< [tokens, queries_per_head * value_dim]; may not overlap an input
  float scale = 1.0f;
  /// Null, or for each query head what is added to its scores at distance n - t, from
  /// -bias_reach to bias_reach, where larger distances count as these: query head i has its
  /// 2 bias_reach + 1 values from bias[i] on.
  ConstRows bias;
  size_t bias_reach = 0;
  /// Null, or p, [tokens, queries_per_head * head_dim], and r, whose rows are as wide and follow
  /// each other from distance `nearest` to `farthest`, the row of distance 0 being row 0; distances
  /// beyond count as these.
  ConstRows position_query;
  ConstRows position_keys;
  int64_t nearest = 0;
  int64_t farthest = 0;
  /// Null, or a number per token; types is type_scores[t, 2 i] of query head i if tokens t and n
  /// have the same, else type_scores[t, 2 i + 1]. For `all`.
  const int32_t* token_types = nullptr;
  ConstRows type_scores;
  float* scratch = nullptr;  ///< softmax_attention_scratch() floats, one per thread at work
};
void softmax_attention(const SoftmaxAttentionHead& head);

/// Floats of scratch that softmax_attention needs.
size_t softmax_attention_scratch();

}  // namespace linnet::kernels
