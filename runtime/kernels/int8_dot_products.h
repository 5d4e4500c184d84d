#pragma once

#include <cstddef>

#include "runtime/kernels/int8_matrix.h"

namespace linnet::kernels {

/// Whether this processor is a 64-bit Arm with dot products of four bytes (Armv8.2's optional
/// SDOT, which phones have had since 2018). Highway has them only together with bfloat16, which
/// came years later, and only with the newest compilers.
#if defined(__aarch64__)
bool has_dot_products();
#else
constexpr bool has_dot_products() { return false; }
#endif

/// multiply_int8 for such a processor.
void multiply_by_dot_products(const Int8Matrix& w, size_t rows, const Int16Rows& x, size_t first,
                              size_t count, MutableRows y);
void multiply_by_dot_products(const Int8Matrix& w, size_t rows, const Int8Rows& x, size_t first,
                              size_t count, MutableRows y);

}  // namespace linnet::kernels
