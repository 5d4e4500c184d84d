#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// y[r] = table row ids[r] as f32. The int8 form multiplies by a scale for every `block` values of
/// the row: scales are [rows of the table, width / block rounded up]. ids must be in range.
void gather_f32(const float* table, size_t width, const int32_t* ids, size_t rows, MutableRows y);
void gather_f16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                MutableRows y);
void gather_bf16(const uint16_t* table, size_t width, const int32_t* ids, size_t rows,
                 MutableRows y);
void gather_int8(const int8_t* table, const float* scales, size_t block, size_t width,
                 const int32_t* ids, size_t rows, MutableRows y);

}  // namespace linnet::kernels
