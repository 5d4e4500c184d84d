#include "runtime/kernels/half_panels.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/kernels/tile_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/half_panels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

// A panel's sixteen rows are a multiple of the lanes of every vector.
using Floats = hn::CappedTag<float, half_panel_rows>;

constexpr size_t column_bytes = half_panel_rows * sizeof(uint16_t);

/// Rows of x and vectors of outputs that are multiplied together: as many as registers hold sums
/// of.
constexpr size_t tile_rows = HWY_MAX_BYTES == 64 ? 6 : 3;
constexpr size_t tile_vectors = 2;
/// For a single row.
constexpr size_t row_vectors = 4;

/// Bytes of x that are multiplied by a panel after another, so that they stay in the second cache.
constexpr size_t block_bytes = 384 << 10;

/// Binary16 values are read through their bits: Highway's own type hides them.
HWY_INLINE hn::Vec<Floats> load_half(const std::byte* values) {
  const Floats d;
  const hn::Rebind<hwy::float16_t, Floats> half;
  const hn::Rebind<uint16_t, Floats> bits;
  const auto* from = reinterpret_cast<const uint16_t*>(values);
  return hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(bits, from)));
}

/// A tile: some rows of x times some vectors of outputs. Every index of its array is a constant,
/// without which compilers would keep it in memory.
template <class Rows, class Vectors, class Pairs>
class HalfTile;
template <size_t... rows, size_t... vectors, size_t... pairs>
class HalfTile<std::index_sequence<rows...>, std::index_sequence<vectors...>,
               std::index_sequence<pairs...>> {
 public:
  static constexpr size_t width = sizeof...(vectors);

  static HWY_INLINE void multiply(const HalfPanels& w, size_t panel_bytes, ConstRows x, size_t row,
                                  size_t output, MutableRows y) {
    const Floats d;
    const size_t lanes = hn::Lanes(d);
    const std::byte* panels[] = {place_of(w, panel_bytes, output + vectors * lanes)...};
    const float* from[] = {x[row + rows]...};
    hn::Vec<Floats> sums[sizeof...(pairs)];
    ((sums[pairs] = hn::Zero(d)), ...);
    for (size_t k = 0; k < w.inputs; ++k) {
      const hn::Vec<Floats> weights[] = {load_half(panels[vectors] + k * column_bytes)...};
      const hn::Vec<Floats> values[] = {hn::Set(d, from[rows][k])...};
      ((sums[pairs] = hn::MulAdd(values[pairs / width], weights[pairs % width], sums[pairs])), ...);
    }
    (store(sums[pairs], w, panel_bytes, output + pairs % width * lanes, y[row + pairs / width]),
     ...);
  }

 private:
  /// Where a vector of outputs begins in its panel.
  static HWY_INLINE const std::byte* place_of(const HalfPanels& w, size_t panel_bytes,
                                              size_t output) {
    return w.panels + output / half_panel_rows * panel_bytes +
           output % half_panel_rows * sizeof(uint16_t);
  }

  static HWY_INLINE void store(hn::Vec<Floats> sum, const HalfPanels& w, size_t panel_bytes,
                               size_t output, float* y) {
    const Floats d;
    const std::byte* biases =
        w.panels + output / half_panel_rows * panel_bytes + w.inputs * column_bytes;
    const auto* bias = reinterpret_cast<const float*>(biases) + output % half_panel_rows;
    if (output < w.outputs)
      store_some(hn::Add(sum, hn::LoadU(d, bias)), d, y + output, w.outputs - output);
  }
};

template <size_t rows, size_t vectors>
HWY_INLINE void multiply_tile(const HalfPanels& w, size_t panel_bytes, ConstRows x, size_t row,
                              size_t output, MutableRows y) {
  HalfTile<std::make_index_sequence<rows>, std::make_index_sequence<vectors>,
           std::make_index_sequence<rows * vectors>>::multiply(w, panel_bytes, x, row, output, y);
}

template <size_t vectors>
HWY_INLINE void multiply_rows(const HalfPanels& w, size_t panel_bytes, ConstRows x, size_t row,
                              size_t end, size_t output, MutableRows y) {
  for (; row + tile_rows <= end; row += tile_rows)
    multiply_tile<tile_rows, vectors>(w, panel_bytes, x, row, output, y);
  if constexpr (tile_rows > 3) {
    for (; row + 2 <= end; row += 2) multiply_tile<2, vectors>(w, panel_bytes, x, row, output, y);
  }
  for (; row < end; ++row) multiply_tile<1, vectors>(w, panel_bytes, x, row, output, y);
}

/// The outputs of vectors from `output` to `end`, multiples of a panel's rows, for the rows from
/// `row` to `row_end`.
template <size_t vectors>
HWY_INLINE void multiply_block(const HalfPanels& w, ConstRows x, size_t row, size_t row_end,
                               size_t output, size_t end, MutableRows y) {
  constexpr size_t lanes = hn::MaxLanes(Floats());
  constexpr size_t panel_vectors = half_panel_rows / lanes;
  const size_t panel_bytes = half_panel_bytes(w.inputs);
  for (; output + vectors * lanes <= end; output += vectors * lanes)
    multiply_rows<vectors>(w, panel_bytes, x, row, row_end, output, y);
  if constexpr (panel_vectors % vectors != 0) {
    for (; output < end; output += half_panel_rows)
      multiply_rows<panel_vectors>(w, panel_bytes, x, row, row_end, output, y);
  }
}

void multiply_half_panels(const HalfPanels& w, size_t rows, ConstRows x, size_t first, size_t count,
                          MutableRows y) {
  const size_t output = first * half_panel_rows;
  const size_t end = output + count * half_panel_rows;
  if (rows == 1) return multiply_block<row_vectors>(w, x, 0, 1, output, end, y);
  const size_t row_bytes = std::max<size_t>(w.inputs, 1) * sizeof(float);
  const size_t block = std::max(block_bytes / row_bytes / tile_rows * tile_rows, tile_rows);
  for (size_t row = 0; row < rows; row += block)
    multiply_block<tile_vectors>(w, x, row, std::min(row + block, rows), output, end, y);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(multiply_half_panels);

size_t half_panel_bytes(size_t inputs) {
  constexpr size_t alignment = 64;
  const size_t bytes =
      inputs * half_panel_rows * sizeof(uint16_t) + half_panel_rows * sizeof(float);
  return (bytes + alignment - 1) / alignment * alignment;
}

void pack_half(const uint16_t* matrix, const float* bias, size_t inputs, size_t outputs,
               std::byte* panels) {
  const size_t panel_bytes = half_panel_bytes(inputs);
  std::fill_n(panels, (outputs + half_panel_rows - 1) / half_panel_rows * panel_bytes,
              std::byte{0});
  for (size_t o = 0; o < outputs; ++o) {
    std::byte* panel = panels + o / half_panel_rows * panel_bytes;
    const size_t row = o % half_panel_rows;
    for (size_t k = 0; k < inputs; ++k) {
      std::memcpy(panel + (k * half_panel_rows + row) * sizeof(uint16_t), matrix + o * inputs + k,
                  sizeof(uint16_t));
    }
    if (bias == nullptr) continue;
    std::memcpy(panel + inputs * half_panel_rows * sizeof(uint16_t) + row * sizeof(float), bias + o,
                sizeof(float));
  }
}

void multiply_half_panels(const HalfPanels& w, size_t rows, ConstRows x, size_t first, size_t count,
                          MutableRows y) {
  HWY_DYNAMIC_DISPATCH(multiply_half_panels)(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels
#endif
