#pragma once

#include "tools/convert/graph_builder.h"

namespace linnet::convert {

/// A gated delta network (Yang et al. 2024, arXiv:2412.06464) behind short convolutions with
/// silu, and with a gated norm after it:
///
///     S_t = e^g_t S_{t-1} + k_t beta_t (v_t - k_t^T e^g_t S_{t-1})^T,  o_t = S_t^T q_t / sqrt(K)
///     g_t = -exp(A_log) softplus(a_t + dt_bias),  out = (RMSNorm(o) * silu(z)) W_out
struct GatedDeltaNet {
  int32_t key_heads = 0, value_heads = 0, key_dim = 0, value_dim = 0;
  float beta_scale = 1;  ///< 2 where S may have negative eigenvalues (Grazzi et al. 2024)
  float norm_epsilon = 0;
  Weight qkv;             ///< [2 * keys + values, width]: queries, keys, values
  Weight convolution;     ///< [kernel, 2 * keys + values]
  Weight z;               ///< [values, width]
  Weight a, beta;         ///< [value_heads, width]
  Weight dt_bias, a_log;  ///< [value_heads]
  Weight norm;            ///< [value_dim]
  Weight out;             ///< [width, values]

  int32_t keys() const { return key_heads * key_dim; }
  int32_t values() const { return value_heads * value_dim; }
};

Value gated_delta_net(GraphBuilder& g, const GatedDeltaNet& net, Value x);

}  // namespace linnet::convert
