#pragma once

// Which instruction sets the kernels are compiled for. Included before any header of Highway.
//
// Left out are those that differ from a neighbour only in instructions that float arithmetic does
// not use (SSSE3, AVX3_DL and AVX3_SPR beside SSE4 and AVX3; NEON's AES beside plain NEON; SVE2
// beside SVE): they would add to the size of the program and to nothing else.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_SPR | HWY_NEON | HWY_SVE2)
#endif
