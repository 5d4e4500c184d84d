#include "tools/linnet/logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linnet::cli {

size_t argmax(std::span<const float> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

double largest_magnitude(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(double{value}));
  return largest;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(double{a[i]} - double{b[i]});
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

size_t equal_argmax_rows(std::span<const float> a, std::span<const float> b, size_t columns) {
  size_t equal = 0;
  for (size_t i = 0; i + columns <= a.size(); i += columns) {
    if (argmax(a.subspan(i, columns)) == argmax(b.subspan(i, columns))) ++equal;
  }
  return equal;
}

double relative(double difference, double scale) {
  return difference == 0 ? 0 : difference / scale;
}

}  // namespace linnet::cli
