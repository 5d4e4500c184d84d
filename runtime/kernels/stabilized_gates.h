#pragma once

#include <cstddef>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// The gates of mLSTM (Beck et al. 2024, xLSTM, arXiv:2405.04517, equations 15 and 25 to 27): the
/// input gate is an exponential, which only a running maximum m keeps in range. For every token, in
/// place of the gates themselves:
///
///     m' = max(log sigmoid(f) + m, i)
///     decay = exp(log sigmoid(f) + m - m'),  write = exp(i - m'),  floor = exp(-m')
///
/// A memory that is decayed and written by these is exp(-m') times the one the gates mean.
struct StabilizedGatesArguments {
  size_t tokens = 0;
  size_t heads = 0;
  ConstRows input;           ///< i, [tokens, heads]
  ConstRows forget;          ///< f, [tokens, heads]
  float* maximum = nullptr;  ///< m, [heads], updated in place; 0 at the start of a stream
  MutableRows decay;         ///< each [tokens, heads]; may not overlap an input
  MutableRows write;
  MutableRows floor;
};
void stabilized_gates(const StabilizedGatesArguments& arguments);

}  // namespace linnet::kernels
