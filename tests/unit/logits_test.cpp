#include "tools/linnet/logits.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace linnet::cli {

TEST_CASE("argmax is the first of the largest") {
  CHECK(argmax(std::vector<float>{1, 3, 3, 2}) == 1);
  CHECK(argmax(std::vector<float>{-5, -7}) == 0);
}

TEST_CASE("logits are compared element by element") {
  const std::vector<float> a = {1, 2, -4, 3};
  const std::vector<float> b = {1.5f, 2, -4, 5};
  CHECK(largest_magnitude(a) == 4);
  CHECK(largest_difference(a, b) == 2);
  CHECK(largest_difference(a, a) == 0);
  CHECK(equal_argmax_rows(a, b, 2) == 2);
  CHECK(equal_argmax_rows(a, std::vector<float>{2, 1, -4, 3}, 2) == 1);
}

TEST_CASE("what is not a number differs without bound") {
  const std::vector<float> a = {1, std::numeric_limits<float>::quiet_NaN()};
  CHECK(std::isinf(largest_difference(a, std::vector<float>{1, 2})));
}

}  // namespace linnet::cli
