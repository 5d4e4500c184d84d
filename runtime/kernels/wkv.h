#pragma once

#include <cstddef>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// RWKV-4's attention without queries (Peng et al. 2023, arXiv:2305.13048, equations 16 and 21 to
/// 26). Per channel, with weights e^k, the decay w < 0 and the bonus u of the current token:
///
///     o_t = (a + e^(u + k_t) v_t) / (b + e^(u + k_t))
///     a = e^w a + e^k_t v_t;   b = e^w b + e^k_t
///
/// Keys may be large, so a and b are kept in units of e^m, where m is the largest exponent that
/// went into them. State rows are a, b and m; b is 1 or more from the first token on, so that a
/// state of zeros is an empty one, whatever its m.
struct WkvArguments {
  size_t tokens = 0;
  ConstRows key;                 ///< [tokens, width]
  ConstRows value;               ///< [tokens, width]
  const float* decay = nullptr;  ///< w [width]
  const float* bonus = nullptr;  ///< u [width]
  MutableRows state;             ///< [3, width]
  MutableRows output;            ///< [tokens, width]; may be key or value
};

/// Works on columns [first, first + count), which do not depend on the others.
void wkv(const WkvArguments& arguments, size_t first, size_t count);

}  // namespace linnet::kernels
