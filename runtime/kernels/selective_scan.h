#pragma once

#include <cstddef>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// The diagonal recurrence of selective state spaces (Mamba, Gu and Dao 2023) and of the RG-LRU
/// (De et al. 2024), which has one state per column. For every token t, column c and state n:
///
///     h[n, c] = exp(dt A) h[n, c] + g x B        dt = step[t, c], A = rates[n, c], x = x[t, c]
///     y[t, c] = sum_n C h[n, c] + D x            B = write[t, n], C = read[t, n], D = skip[c]
///
/// g is dt for ScanInput::step, and for unit_variance sqrt(1 - exp(2 dt A)), but 1 for the first
/// token of a stream.
struct SelectiveScanArguments {
  size_t tokens = 0;
  size_t states = 0;
  bool starts_stream = false;   ///< the first token of the chunk is the first of the stream
  ConstRows x;                  ///< [tokens, width]
  ConstRows step;               ///< [tokens, width]
  ConstRows rates;              ///< [states, width]
  ConstRows write;              ///< [tokens, states]; without data: 1
  ConstRows read;               ///< [tokens, states]; without data: 1
  const float* skip = nullptr;  ///< [width] or null
  MutableRows state;            ///< [states, width], updated in place
  MutableRows y;                ///< [tokens, width]; may not overlap an input
  ScanInput input = ScanInput::step;
};

/// Runs columns [first, first + count), which do not depend on the others. SIMD, dispatched for the
/// CPU at hand; the same bits however columns are split and tokens are chunked.
void selective_scan(const SelectiveScanArguments& arguments, size_t first, size_t count);

}  // namespace linnet::kernels
