#pragma once

// Which instruction sets the kernels of matrix products are compiled for, instead of targets.h's.
// Included before any header of Highway.
//
// AVX3_DL (VNNI) has sums of four products of bytes beyond AVX3; for those of Arm see
// int8_dot_products.h. Sums in arrays are not for SVE, whose vectors have no size.
#define HWY_WANT_AVX3_DL 1
#if defined(LINNET_FEW_TARGETS)
#define HWY_DISABLED_TARGETS                                                                 \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | \
   HWY_NEON_BF16 | HWY_ALL_SVE)
#else
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | HWY_NEON_BF16 | HWY_ALL_SVE)
#endif
