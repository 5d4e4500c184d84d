#pragma once

#include <cstddef>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// One head of the fast-weight programmer over the tokens of a chunk (Schmidhuber 1991;
/// Katharopoulos et al. 2020; Schlag, Irie, Schmidhuber 2021; Yang et al. 2024; Peng et al. 2025).
/// S is [key_dim, value_dim], row-major, and is updated in place. For every token t, in this order:
///
///     read == before_write:   o_t = scale S^T q_t + scale (q_t . (bonus * k_t)) v_t
///     correct_before_decay:   p = S^T c            c = k_t (delta) or a_t (rank_one)
///     decay:                  S = diag(w_t) S      w_t: one number or one per key channel; per
///     value
///                             channel it is S = S diag(w_t)
///     else:                   p = S^T c
///     write, additive:        S = S + k_t v_t^T
///            delta:           S = S + k_t (beta_t (v_t - p))^T
///            rank_one:        S = S + b_t p^T + k_t v_t^T
///     squash == tanh:         S = tanh(S)
///     read == after_write:    o_t = scale S^T q_t
///     read == after_all:      o_t = scale S^T q_t, once all tokens have written
///     o_t = o_t * read_factor_t, where read_factor is given
struct FastWeightHead {
  size_t tokens = 0;
  size_t key_dim = 0;
  size_t value_dim = 0;

  ConstRows query;  ///< [tokens, key_dim]
  ConstRows key;    ///< [tokens, key_dim]
  ConstRows value;  ///< [tokens, value_dim]
  ConstRows decay;  ///< [tokens, 1] per head, [tokens, key_dim] or [tokens, value_dim] per channel
  ConstRows beta;   ///< [tokens, 1]; delta only. Stride 0, here as for decay: constant
  ConstRows correct;                   ///< a: [tokens, key_dim]; rank_one only
  ConstRows write;                     ///< b: [tokens, key_dim]; rank_one only
  const float* bonus = nullptr;        ///< [key_dim] or null; before_write only
  const float* read_factor = nullptr;  ///< [tokens] or null
  ConstRows floor;                     ///< [tokens, 1] or without data; for the normaliser alone
  MutableRows state;                   ///< [key_dim, value_dim]
  MutableRows output;                  ///< [tokens, value_dim]; may not overlap an input

  float scale = 1.0f;
  DecayKind decay_kind = DecayKind::none;
  WriteRule rule = WriteRule::additive;
  ReadOrder read = ReadOrder::after_write;
  Squash squash = Squash::none;
  bool correct_before_decay = false;
};

/// Runs the value columns [first, first + count) of a head, which do not depend on the others:
/// blocks of columns and heads may run on different threads at once. SIMD, dispatched for the CPU
/// at hand. State and output have the same bits however the columns are split and the tokens are
/// chunked.
void fast_weight(const FastWeightHead& head, size_t first, size_t count);

/// How many value columns one call should get, so that its share of S stays in registers and L1.
size_t fast_weight_block();

/// The normaliser of linear attention. z [key_dim] is the decayed sum of keys, updated in place:
/// z = w_t z + k_t;  factor[t] = 1 / (scale (q_t . z) + epsilon + query_epsilon * sum(q_t)).
/// With `floor` [tokens, 1]: factor[t] = 1 / (max(|scale (q_t . z)|, floor_t) + epsilon), as in
/// mLSTM (Beck et al. 2024). With read == after_all every factor is of the last z.
void fast_weight_normalizer(const FastWeightHead& head, float* z, float epsilon,
                            float query_epsilon, float* factor);

}  // namespace linnet::kernels
