#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tools/convert/graph.h"

namespace linnet::convert {

/// Rows of a weight as the file stores them, and the scales that belong to them.
struct EncodedRows {
  std::vector<std::byte> values;
  std::vector<std::byte> scales;  ///< int8, int4; else empty
};

/// Bytes of a weight's values in the file.
uint64_t stored_bytes(const Tensor& weight);

/// Encodes `values`, rows of `width` values from row `first` on, in the weight's type, on all
/// cores. Throws std::runtime_error that names the tensor and the row whose values the type cannot
/// hold.
EncodedRows encode_rows(const Tensor& weight, uint64_t first, uint64_t width,
                        std::span<const float> values);

}  // namespace linnet::convert
