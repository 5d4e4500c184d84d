// Products of int8 matrices with rows of integers, by tiles. Compiled once per instruction set, by
// Highway's foreach_target.h, for the way to multiply bytes that the source which includes it
// names:
//
//   struct Products {
//     static constexpr bool is_signed;       // it multiplies signed bytes of x, else unsigned ones
//     static constexpr size_t rows8, rows16; // of a tile: as many as registers hold sums of
//     static constexpr size_t unrolled;      // tiles of so many sums do four groups at once
//     using Sum = …;                         // of a vector of outputs
//     static Sum zero();
//     /// Adds the products of four bytes of x with four weights of each output.
//     static void add(hn::Vec<Bytes> x, hn::Vec<Weights> weights, Sum& sum);
//     static hn::Vec<Ints> total(Sum sum);
//   };

#if defined(LINNET_RUNTIME_KERNELS_INT8_MATRIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LINNET_RUNTIME_KERNELS_INT8_MATRIX_INL_H_
#undef LINNET_RUNTIME_KERNELS_INT8_MATRIX_INL_H_
#else
#define LINNET_RUNTIME_KERNELS_INT8_MATRIX_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime/kernels/int8_matrix.h"
#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A panel's sixteen rows are a multiple of the lanes of every vector.
using Floats = hn::CappedTag<float, int8_panel_rows>;
using Ints = hn::Rebind<int32_t, Floats>;
using Weights = hn::Repartition<int8_t, Ints>;
using Bytes = hn::Repartition<uint8_t, Ints>;

constexpr size_t line = int8_panel_rows * sizeof(int32_t);  // bytes of a panel's four columns

/// Vectors of outputs that are multiplied together, with several rows and with one.
constexpr size_t tile_vectors = 2;
constexpr size_t row_vectors = 4;

/// Bytes of x that are multiplied by a panel after another, so that they stay in the second cache.
constexpr size_t block_bytes = 384 << 10;

/// Where a vector of outputs begins in its panel.
HWY_INLINE const std::byte* place_of(const Int8Matrix& w, size_t panel_bytes, size_t output) {
  return w.panels + output / int8_panel_rows * panel_bytes +
         output % int8_panel_rows * sizeof(int32_t);
}

/// What differs between rows of 16 bits and of 8: bytes of a column; rows of a tile; a row's scale;
/// and what its bytes, as they are multiplied, stand for too much, as a share of the 32768 that
/// panels are made for.
template <class Products, class Input>
struct Row;

/// q + 32768 as two unsigned bytes, or, less 128 each, as two signed ones: q - 128.
template <class Products>
struct Row<Products, Int16Rows> {
  static constexpr size_t parts = 2;
  static constexpr size_t tile_rows = Products::rows16;
  static constexpr uint8_t flip = Products::is_signed ? 0x80 : 0;

  static HWY_INLINE float scale(const Int16Rows& x, size_t row) { return x.scales[row]; }
  static HWY_INLINE float excess(const Int16Rows&, size_t) {
    return Products::is_signed ? -128.0f / 32768.0f : 1.0f;
  }
};

/// q as a signed byte, or q + 128 as an unsigned one.
template <class Products>
struct Row<Products, Int8Rows> {
  static constexpr size_t parts = 1;
  static constexpr size_t tile_rows = Products::rows8;
  static constexpr uint8_t flip = Products::is_signed ? 0 : 0x80;

  static HWY_INLINE float scale(const Int8Rows& x, size_t row) { return x.parameters[row].scale; }
  static HWY_INLINE float excess(const Int8Rows& x, size_t row) {
    const int32_t zero_point = x.parameters[row].zero_point;
    return static_cast<float>(Products::is_signed ? zero_point : zero_point + 128) / 32768.0f;
  }
};

/// Where a tile lies: rows of x, and outputs, which may be more than there are.
struct TilePlace {
  size_t row;
  size_t rows;
  size_t output;
  size_t outputs;
};

/// y of a tile's sums, [rows, outputs].
template <class Products, class Input>
HWY_NOINLINE void write_tile(const Int8Matrix& w, size_t panel_bytes, const Input& x,
                             const TilePlace& place, const float* sums, MutableRows y) {
  const Floats d;
  for (size_t r = place.row; r < place.row + place.rows; ++r) {
    const auto excess = hn::Set(d, Row<Products, Input>::excess(x, r));
    const auto scale = hn::Set(d, Row<Products, Input>::scale(x, r));
    const size_t end = std::min(place.output + place.outputs, w.outputs);
    for (size_t o = place.output; o < place.output + place.outputs; o += hn::Lanes(d)) {
      const auto* from =
          reinterpret_cast<const float*>(place_of(w, panel_bytes, o) + panel_bytes - 2 * line);
      const auto sum = hn::NegMulAdd(excess, hn::LoadU(d, from), hn::LoadU(d, sums));
      const auto value = hn::MulAdd(sum, scale, hn::LoadU(d, from + int8_panel_rows));
      sums += hn::Lanes(d);
      if (o < end) store_some(value, d, y[r] + o, end - o);
    }
  }
}

/// A tile: some rows of x times some vectors of outputs. Every index of its arrays is a constant,
/// without which compilers would keep them in memory.
template <class Products, class Input, class Rows, class Vectors, class Pairs>
class Tile;
template <class Products, class Input, size_t... rows, size_t... vectors, size_t... pairs>
class Tile<Products, Input, std::index_sequence<rows...>, std::index_sequence<vectors...>,
           std::index_sequence<pairs...>> {
 public:
  using X = Row<Products, Input>;
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
    ((high_[pairs] = low_[pairs] = Products::zero()), ...);
    const size_t scales_at = at_;
    at_ += line;
    size_t g = 0;
    if constexpr (sizeof...(pairs) <= Products::unrolled) {
      for (; g + 4 <= groups; g += 4) {
        add_group();
        add_group();
        add_group();
        add_group();
      }
    }
    for (; g < groups; ++g) add_group();
    const hn::Vec<Floats> scales[] = {floats(vectors, scales_at)...};
    ((sums_[pairs] = hn::MulAdd(whole<pairs>(), scales[pairs % width], sums_[pairs])), ...);
  }

  /// The sums of all runs, row after row.
  HWY_INLINE void store(float* sums) const {
    (hn::StoreU(sums_[pairs], Floats(), sums + pairs * hn::Lanes(Floats())), ...);
  }

 private:
  HWY_INLINE void add_group() {
    const hn::Vec<Weights> weights[] = {
        hn::LoadU(Weights(), reinterpret_cast<const int8_t*>(panels_[vectors] + at_))...};
    (add_products<pairs>(weights[pairs % width]), ...);
    at_ += line;
    x_ += X::parts * sizeof(int32_t);
  }

  template <size_t pair>
  HWY_INLINE void add_products(hn::Vec<Weights> weights) {
    const uint8_t* x = x_ + pair / width * stride_;
    if constexpr (X::parts == 2) {
      Products::add(four(x), weights, high_[pair]);
      x += sizeof(int32_t);
    }
    Products::add(four(x), weights, low_[pair]);
  }

  /// The bytes of four columns, once per output.
  static HWY_INLINE hn::Vec<Bytes> four(const uint8_t* x) {
    int32_t bits;
    std::memcpy(&bits, x, sizeof bits);
    const auto bytes = hn::BitCast(Bytes(), hn::Set(Ints(), bits));
    return X::flip == 0 ? bytes : hn::Xor(bytes, hn::Set(Bytes(), X::flip));
  }

  template <size_t pair>
  HWY_INLINE hn::Vec<Floats> whole() const {
    const auto low = Products::total(low_[pair]);
    if constexpr (X::parts == 1) return hn::ConvertTo(Floats(), low);
    return hn::ConvertTo(Floats(), hn::Add(hn::ShiftLeft<8>(Products::total(high_[pair])), low));
  }

  HWY_INLINE hn::Vec<Floats> floats(size_t vector, size_t at) const {
    return hn::LoadU(Floats(), reinterpret_cast<const float*>(panels_[vector] + at));
  }

  const std::byte* panels_[width];
  size_t at_ = 0;  // of the panels
  const uint8_t* x_;
  size_t stride_;
  typename Products::Sum high_[sizeof...(pairs)];
  typename Products::Sum low_[sizeof...(pairs)];
  hn::Vec<Floats> sums_[sizeof...(pairs)];
};

template <class Products, size_t rows, size_t vectors, class Input>
HWY_INLINE void multiply_tile(const Int8Matrix& w, size_t panel_bytes, const Input& x, size_t row,
                              size_t output, MutableRows y) {
  Tile<Products, Input, std::make_index_sequence<rows>, std::make_index_sequence<vectors>,
       std::make_index_sequence<rows * vectors>>
      tile(w, panel_bytes, output, x, row);
  for (size_t k = 0; k < w.inputs; k += int8_run)
    tile.add_run((std::min(int8_run, w.inputs - k) + 3) / 4);
  constexpr size_t outputs = vectors * hn::MaxLanes(Floats());
  HWY_ALIGN float sums[rows * outputs];
  tile.store(sums);
  write_tile<Products>(w, panel_bytes, x, {row, rows, output, outputs}, sums, y);
}

template <class Products, size_t vectors, class Input>
HWY_INLINE void multiply_rows(const Int8Matrix& w, size_t panel_bytes, const Input& x, size_t row,
                              size_t end, size_t output, MutableRows y) {
  constexpr size_t most = Row<Products, Input>::tile_rows;
  for (; row + most <= end; row += most)
    multiply_tile<Products, most, vectors>(w, panel_bytes, x, row, output, y);
  if constexpr (most > 2) {
    for (; row + 2 <= end; row += 2)
      multiply_tile<Products, 2, vectors>(w, panel_bytes, x, row, output, y);
  }
  if constexpr (most > 1) {
    if (row < end) multiply_tile<Products, 1, vectors>(w, panel_bytes, x, row, output, y);
  }
}

/// The outputs of vectors from `output` to `end`, multiples of a panel's rows, for the rows from
/// `row` to `row_end`.
template <class Products, size_t vectors, class Input>
HWY_INLINE void multiply_block(const Int8Matrix& w, size_t panel_bytes, const Input& x, size_t row,
                               size_t row_end, size_t output, size_t end, MutableRows y) {
  constexpr size_t lanes = hn::MaxLanes(Floats());
  constexpr size_t panel_vectors = int8_panel_rows / lanes;
  for (; output + vectors * lanes <= end; output += vectors * lanes)
    multiply_rows<Products, vectors>(w, panel_bytes, x, row, row_end, output, y);
  if constexpr (panel_vectors % vectors != 0) {
    for (; output < end; output += int8_panel_rows)
      multiply_rows<Products, panel_vectors>(w, panel_bytes, x, row, row_end, output, y);
  }
}

/// See multiply_int8 in int8_matrix.h.
template <class Products, class Input>
HWY_INLINE void multiply(const Int8Matrix& w, size_t rows, const Input& x, size_t first,
                         size_t count, MutableRows y) {
  static_assert(!HWY_HAVE_SCALABLE, "a vector has a size, which a panel's rows are a multiple of");
  constexpr size_t most = Row<Products, Input>::tile_rows;
  const size_t panel_bytes = int8_panel_bytes(w.inputs);
  const size_t output = first * int8_panel_rows;
  const size_t end = output + count * int8_panel_rows;
  if (rows == 1)
    return multiply_block<Products, row_vectors>(w, panel_bytes, x, 0, 1, output, end, y);
  const size_t fitting = block_bytes / std::max<size_t>(x.stride, 1) / most * most;
  const size_t block = std::max(fitting, most);
  for (size_t row = 0; row < rows; row += block) {
    const size_t row_end = std::min(row + block, rows);
    multiply_block<Products, tile_vectors>(w, panel_bytes, x, row, row_end, output, end, y);
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LINNET_RUNTIME_KERNELS_INT8_MATRIX_INL_H_
