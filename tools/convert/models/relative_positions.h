#pragma once

#include <cstdint>

#include "tools/convert/weights.h"

namespace linnet::convert {

/// Distances that a table of position keys covers, where nothing else bounds them: as many as a
/// session's default context.
inline constexpr int32_t kRelativePositions = 2048;

/// Transformer-XL's keys of relative positions (Dai et al. 2019, arXiv:1901.02860, section 3.3):
/// row i is W R(first + i), [outputs], where R(d) = (sin(d f), cos(d f)) with f_j = 10000^(-2j /
/// width). `matrix` is W, [outputs, width], with an even width.
Weight position_keys(Weight matrix, int32_t first, int32_t count);

}  // namespace linnet::convert
