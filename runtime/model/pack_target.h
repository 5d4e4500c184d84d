#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace linnet {

/// How XNNPACK lays a matrix out: panels of `rows` of its rows, in which `columns` neighbours of a
/// row stand together (nr and kr in XNNPACK, whose sr is 1 here).
struct PackTile {
  size_t rows = 0;
  size_t columns = 0;
};

/// A kind of processors whose kernels read f32 and int4 matrices in the same layouts. Those of f16
/// and int8 matrices are ours and the same everywhere.
struct PackTarget {
  std::string_view name;
  PackTile f32;
  PackTile narrow_f32;  ///< of matrices that have less rows than a panel of `f32`
  PackTile int4;
  bool unsigned_int4_rows = false;  ///< int4 with one scale per row stays unsigned
};

/// All that there are. Names end with a zero.
std::span<const PackTarget> pack_targets();

/// Null: there is none of this name.
const PackTarget* find_pack_target(std::string_view name);

}  // namespace linnet
