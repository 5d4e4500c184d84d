#include "runtime/kernels/int8_matrix.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime/kernels/tile_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/int8_matrix.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A panel's sixteen rows are a multiple of the lanes of every vector.
using Floats = hn::CappedTag<float, int8_panel_rows>;
using Ints = hn::Rebind<int32_t, Floats>;
using Weights = hn::Repartition<int8_t, Ints>;
using Bytes = hn::Repartition<uint8_t, Ints>;

constexpr size_t line = int8_panel_rows * sizeof(int32_t);  // bytes of a panel's four columns

/// Rows of x and vectors of outputs that are multiplied together: as many as registers hold sums
/// of, for 16 bits two of each.
template <class Input>
constexpr size_t tile_rows = HWY_TARGET == HWY_AVX3_DL ? 6 : 4;
template <>
constexpr size_t tile_rows<Int16Rows> = HWY_TARGET == HWY_AVX3_DL ? 4 : 2;
constexpr size_t tile_vectors = 2;
/// For a single row.
constexpr size_t row_vectors = 4;

/// Bytes of x that are multiplied by a panel after another, so that they stay in the second cache.
constexpr size_t block_bytes = 384 << 10;

/// Where a vector of outputs begins in its panel.
HWY_INLINE const std::byte* place_of(const Int8Matrix& w, size_t panel_bytes, size_t output) {
  return w.panels + output / int8_panel_rows * panel_bytes +
         output % int8_panel_rows * sizeof(int32_t);
}

// What differs between rows of 16 bits and of 8: bytes of four columns; a row's scale; and what its
// unsigned bytes stand for too much, as a share of the 32768 that panels are made for.
template <class Input>
constexpr size_t group_bytes = std::is_same_v<Input, Int16Rows> ? 8 : 4;

HWY_INLINE float scale_of(const Int16Rows& x, size_t row) { return x.scales[row]; }
HWY_INLINE float scale_of(const Int8Rows& x, size_t row) { return x.parameters[row].scale; }

HWY_INLINE float excess_of(const Int16Rows&, size_t) { return 1.0f; }
HWY_INLINE float excess_of(const Int8Rows& x, size_t row) {
  return static_cast<float>(x.parameters[row].zero_point + 128) / 32768.0f;
}

/// A tile: some rows of x times some vectors of outputs. Every index of its arrays is a constant,
/// without which compilers would keep them in memory.
template <class Input, class Rows, class Vectors, class Pairs>
class Tile;
template <class Input, size_t... rows, size_t... vectors, size_t... pairs>
class Tile<Input, std::index_sequence<rows...>, std::index_sequence<vectors...>,
           std::index_sequence<pairs...>> {
 public:
  static constexpr size_t width = sizeof...(vectors);

  HWY_INLINE Tile(const Int8Matrix& w, size_t panel_bytes, size_t output, const Input& x,
                  size_t row)
      : panels_{place_of(w, panel_bytes, output + vectors * hn::Lanes(Floats()))...},
        x_(reinterpret_cast<const uint8_t*>(x.values) + row * x.stride),
        stride_(x.stride) {
    ((sums_[pairs] = hn::Zero(Floats())), ...);
  }

  /// Adds the products of a run of `groups` groups of four columns.
  HWY_INLINE void add_run(size_t groups) {
    ((high_[pairs] = low_[pairs] = hn::Zero(Ints())), ...);
    const size_t scales_at = at_;
    at_ += line;
    size_t g = 0;
    for (; g + 4 <= groups; g += 4) {
      add_group();
      add_group();
      add_group();
      add_group();
    }
    for (; g < groups; ++g) add_group();
    const hn::Vec<Floats> scales[] = {floats(vectors, scales_at)...};
    ((sums_[pairs] = hn::MulAdd(whole<pairs>(), scales[pairs % width], sums_[pairs])), ...);
  }

  /// After all runs: y of the tile's rows, which start at `row` and `output`.
  HWY_INLINE void store(const Int8Matrix& w, const Input& x, size_t row, size_t output,
                        MutableRows y) const {
    const Floats d;
    (store_one(hn::MulAdd(hn::NegMulAdd(hn::Set(d, excess_of(x, row + pairs / width)),
                                        floats(pairs % width, at_), sums_[pairs]),
                          hn::Set(d, scale_of(x, row + pairs / width)),
                          floats(pairs % width, at_ + line)),
               w.outputs, output + pairs % width * hn::Lanes(d), y[row + pairs / width]),
     ...);
  }

 private:
  HWY_INLINE void add_group() {
    const hn::Vec<Weights> weights[] = {
        hn::LoadU(Weights(), reinterpret_cast<const int8_t*>(panels_[vectors] + at_))...};
    (add_products<pairs>(weights[pairs % width]), ...);
    at_ += line;
    x_ += group_bytes<Input>;
  }

  template <size_t pair>
  HWY_INLINE void add_products(hn::Vec<Weights> weights) {
    const Ints di;
    const Bytes db;
    const uint8_t* x = x_ + pair / width * stride_;
    int32_t four;
    std::memcpy(&four, x, sizeof four);
    if constexpr (std::is_same_v<Input, Int8Rows>) {
      // q + 128 of each byte.
      const auto bytes = hn::Xor(hn::BitCast(db, hn::Set(di, four)), hn::Set(db, 0x80));
      low_[pair] = hn::SumOfMulQuadAccumulate(di, bytes, weights, low_[pair]);
    } else {
      int32_t four_low;
      std::memcpy(&four_low, x + 4, sizeof four_low);
      high_[pair] =
          hn::SumOfMulQuadAccumulate(di, hn::BitCast(db, hn::Set(di, four)), weights, high_[pair]);
      low_[pair] = hn::SumOfMulQuadAccumulate(di, hn::BitCast(db, hn::Set(di, four_low)), weights,
                                              low_[pair]);
    }
  }

  template <size_t pair>
  HWY_INLINE hn::Vec<Floats> whole() const {
    if constexpr (std::is_same_v<Input, Int8Rows>) return hn::ConvertTo(Floats(), low_[pair]);
    return hn::ConvertTo(Floats(), hn::Add(hn::ShiftLeft<8>(high_[pair]), low_[pair]));
  }

  HWY_INLINE hn::Vec<Floats> floats(size_t vector, size_t at) const {
    return hn::LoadU(Floats(), reinterpret_cast<const float*>(panels_[vector] + at));
  }

  static HWY_INLINE void store_one(hn::Vec<Floats> sum, size_t outputs, size_t output, float* y) {
    const Floats d;
    if (output + hn::Lanes(d) <= outputs) {
      hn::StoreU(sum, d, y + output);
    } else if (output < outputs) {
      hn::StoreN(sum, d, y + output, outputs - output);
    }
  }

  const std::byte* panels_[width];
  size_t at_ = 0;  // of the panels
  const uint8_t* x_;
  size_t stride_;
  hn::Vec<Ints> high_[sizeof...(pairs)];
  hn::Vec<Ints> low_[sizeof...(pairs)];
  hn::Vec<Floats> sums_[sizeof...(pairs)];
};

template <size_t rows, size_t vectors, class Input>
HWY_INLINE void multiply_tile(const Int8Matrix& w, size_t panel_bytes, const Input& x, size_t row,
                              size_t output, MutableRows y) {
  Tile<Input, std::make_index_sequence<rows>, std::make_index_sequence<vectors>,
       std::make_index_sequence<rows * vectors>>
      tile(w, panel_bytes, output, x, row);
  for (size_t k = 0; k < w.inputs; k += int8_run)
    tile.add_run((std::min(int8_run, w.inputs - k) + 3) / 4);
  tile.store(w, x, row, output, y);
}

template <size_t vectors, class Input>
HWY_INLINE void multiply_rows(const Int8Matrix& w, size_t panel_bytes, const Input& x, size_t row,
                              size_t end, size_t output, MutableRows y) {
  constexpr size_t most = tile_rows<Input>;
  for (; row + most <= end; row += most)
    multiply_tile<most, vectors>(w, panel_bytes, x, row, output, y);
  for (; row + 2 <= end; row += 2) multiply_tile<2, vectors>(w, panel_bytes, x, row, output, y);
  if (row < end) multiply_tile<1, vectors>(w, panel_bytes, x, row, output, y);
}

/// The outputs of vectors from `output` to `end`, for the rows from `row` to `row_end`.
template <size_t vectors, class Input>
HWY_INLINE void multiply_block(const Int8Matrix& w, const Input& x, size_t row, size_t row_end,
                               size_t output, size_t end, MutableRows y) {
  const size_t panel_bytes = int8_panel_bytes(w.inputs);
  const size_t lanes = hn::Lanes(Floats());
  for (; output + vectors * lanes <= end; output += vectors * lanes)
    multiply_rows<vectors>(w, panel_bytes, x, row, row_end, output, y);
  for (; output < end; output += lanes)
    multiply_rows<1>(w, panel_bytes, x, row, row_end, output, y);
}

template <class Input>
HWY_INLINE void multiply(const Int8Matrix& w, size_t rows, const Input& x, size_t first,
                         size_t count, MutableRows y) {
  constexpr size_t most = tile_rows<Input>;
  const size_t output = first * int8_panel_rows;
  const size_t end = output + count * int8_panel_rows;
  if (rows == 1) return multiply_block<row_vectors>(w, x, 0, 1, output, end, y);
  const size_t fitting = block_bytes / std::max<size_t>(x.stride, 1) / most * most;
  const size_t block = std::max(fitting, most);
  for (size_t row = 0; row < rows; row += block)
    multiply_block<tile_vectors>(w, x, row, std::min(row + block, rows), output, end, y);
}

void multiply_int16_rows(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first,
                         size_t count, MutableRows y) {
  multiply(w, rows, x, first, count, y);
}

void multiply_int8_rows(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first,
                        size_t count, MutableRows y) {
  multiply(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(multiply_int16_rows);
HWY_EXPORT(multiply_int8_rows);

void multiply_int8(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first, size_t count,
                   MutableRows y) {
  HWY_DYNAMIC_DISPATCH(multiply_int16_rows)(w, rows, x, first, count, y);
}

void multiply_int8(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first, size_t count,
                   MutableRows y) {
  HWY_DYNAMIC_DISPATCH(multiply_int8_rows)(w, rows, x, first, count, y);
}

}  // namespace linnet::kernels
#endif
