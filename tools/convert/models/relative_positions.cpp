#include "tools/convert/models/relative_positions.h"

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

namespace linnet::convert {
namespace {

/// R(distance); angles are rounded as the original rounds them.
void fill_sinusoids(int64_t distance, std::span<float> out) {
  const size_t half = out.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(out.size());
    const auto frequency = static_cast<float>(1 / std::pow(10000.0, exponent));
    const double angle{static_cast<float>(distance) * frequency};
    out[i] = static_cast<float>(std::sin(angle));
    out[half + i] = static_cast<float>(std::cos(angle));
  }
}

}  // namespace

Weight position_keys(Weight matrix, int32_t first, int32_t count) {
  const auto outputs = static_cast<size_t>(matrix.size(0));
  const auto width = static_cast<size_t>(matrix.size(1));
  if (width % 2 != 0) throw std::runtime_error("relative positions need an even width");
  auto rows = [matrix = std::move(matrix), first, outputs, width](
                  uint64_t begin, uint64_t row_count, std::span<float> out) {
    std::vector<float> w(outputs * width);
    matrix.rows(0, outputs, w);
    std::vector<float> sinusoids(width);
    for (uint64_t row = 0; row < row_count; ++row) {
      fill_sinusoids(first + static_cast<int64_t>(begin + row), sinusoids);
      for (size_t o = 0; o < outputs; ++o) {
        double sum = 0;
        for (size_t i = 0; i < width; ++i) sum += double{w[o * width + i]} * sinusoids[i];
        out[row * outputs + o] = static_cast<float>(sum);
      }
    }
  };
  return {{count, static_cast<int32_t>(outputs)}, std::move(rows)};
}

}  // namespace linnet::convert
