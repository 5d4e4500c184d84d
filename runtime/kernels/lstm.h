#pragma once

#include <cstddef>

namespace linnet::kernels {

/// The gates of a long short-term memory with a forget gate (Gers, Schmidhuber and Cummins 2000),
/// of one token, for cells [first, first + count) of `width`:
///
///     i, f, o = sigmoid(...), g = tanh(...);   c = f c + i g;   h = o tanh(c)
///
/// What goes into each gate is the sum of `input` and `recurrent`, which hold i, f, g and o side by
/// side, [4, width].
struct LstmCells {
  size_t width = 0;
  const float* input = nullptr;
  const float* recurrent = nullptr;
  float* cell = nullptr;    ///< c [width], replaced
  float* hidden = nullptr;  ///< h [width], written
};

void lstm_cells(const LstmCells& cells, size_t first, size_t count);

}  // namespace linnet::kernels
