#pragma once

namespace linnet::kernels {

/// The architecture and the instruction set that kernels are dispatched to here, such as "x86-64
/// AVX3_ZEN4". Lives forever.
const char* processor();

}  // namespace linnet::kernels
