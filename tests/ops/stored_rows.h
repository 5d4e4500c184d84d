#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tools/convert/passes/quantize.h"

namespace linnet::convert {

/// Values from -1 to 1 that look random.
std::vector<float> random_values(size_t count, uint32_t seed);

/// What the format makes of a matrix with rows of `width`, as floats again.
std::vector<float> stored_rows(std::span<const float> matrix, size_t width, WeightFormat format);

}  // namespace linnet::convert
