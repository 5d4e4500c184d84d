#pragma once

#include <cstddef>

#include "runtime/kernels/int8_matrix.h"

// Clang before 16 has the intrinsic only where every processor of the build has the instruction.
#if defined(__aarch64__) && \
    (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_DOTPROD))
#define LINNET_DOT_PRODUCTS
#endif

namespace linnet::kernels {

/// Whether this processor is a 64-bit Arm with dot products of four bytes (Armv8.2's optional
/// SDOT, which phones have had since 2018). Highway has them only together with bfloat16, which
/// came years later, and only with the newest compilers.
#ifdef LINNET_DOT_PRODUCTS
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
