#pragma once

// Which instruction sets the kernels are compiled for. Included before any header of Highway.
//
// Left out are those that differ from a neighbour only in instructions that float arithmetic does
// not use (SSSE3, AVX3_DL and AVX3_SPR beside SSE4 and AVX3; AES and bfloat16 beside plain NEON):
// they would add to the size of the program and to nothing else. SVE too: its vectors are as wide
// as NEON's in phones and in Neoverse N2 and V2, and in Neoverse V1 there are half as many pipes of
// twice the width (Arm Neoverse V1 Software Optimization Guide, section 2.1), while its three kinds
// took more than a third of the runtime.
//
// Beside sanitizers, with which Clang takes minutes for one of AVX-512, a few stand for all.
#ifndef HWY_DISABLED_TARGETS
#if defined(LINNET_FEW_TARGETS)
#define HWY_DISABLED_TARGETS                                                                 \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | \
   HWY_NEON_BF16 | HWY_ALL_SVE)
#else
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_SPR | HWY_NEON | HWY_NEON_BF16 | HWY_ALL_SVE)
#endif
#endif
