#include "runtime/kernels/elementwise.h"

#include <cfloat>
#include <limits>

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

using kernels::ElementwiseStep;

constexpr ElementwiseFunction all_functions[] = {
    ElementwiseFunction::add,           ElementwiseFunction::subtract,
    ElementwiseFunction::subtract_from, ElementwiseFunction::multiply,
    ElementwiseFunction::negate,        ElementwiseFunction::exp,
    ElementwiseFunction::sigmoid,       ElementwiseFunction::tanh,
    ElementwiseFunction::softplus,      ElementwiseFunction::silu,
    ElementwiseFunction::relu,          ElementwiseFunction::square,
    ElementwiseFunction::gelu,          ElementwiseFunction::gelu_tanh,
    ElementwiseFunction::log_sigmoid,   ElementwiseFunction::elu,
    ElementwiseFunction::multiply_silu, ElementwiseFunction::multiply_sigmoid,
    ElementwiseFunction::minimum,       ElementwiseFunction::maximum};

/// |a - b| relative to |b| or, below `floor`, to `floor`.
double relative_error(double a, double b, double floor) {
  if (a == b) return 0;
  return std::abs(a - b) / std::max(std::abs(b), floor);
}

/// Values of all magnitudes, both signs, and every place where a function changes its branch.
std::vector<float> sample_values() {
  std::vector<float> values = {0.0f, -0.0f, 19.999f, 20.0f,  20.001f, -20.0f, 0.34f, 0.35f, -0.35f,
                               4.0f, -4.0f, 88.0f,   -88.0f, 18.7f,   -18.8f, 3.9f,  -3.9f, 5.7f};
  float x = 1e-7f;
  while (x < 80.0f) {
    values.push_back(x);
    values.push_back(-x);
    x *= 1.07f;
  }
  return values;
}

#if defined(__arm__)
// NEON of 32-bit Arm takes numbers below FLT_MIN for zero: what would come from one, times a value
// of these tests at most, is zero there.
constexpr double largest_lost = 128 * double{FLT_MIN};
// It has no division, and the steps in its place end up to a unit of the last place away.
constexpr float quotient_error = FLT_EPSILON / 2;
#else
constexpr double largest_lost = 0;
constexpr float quotient_error = 0;
#endif

void check_function(ElementwiseFunction function, const std::vector<float>& x) {
  CAPTURE(static_cast<int>(function));
  std::vector<float> y(x.size());
  const ElementwiseStep step = {function, {}, 1, 1.5f};
  kernels::elementwise(1, x.size(), {x.data(), 0}, {&step, 1}, {y.data(), 0});
  // gelu of large negative numbers is a small difference of large ones, there as in PyTorch.
  const bool cancels =
      function == ElementwiseFunction::gelu || function == ElementwiseFunction::gelu_tanh;
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = reference::apply(function, x[i], step.scalar);
    if (std::abs(expected) > FLT_MAX) continue;
    if (y[i] == 0 && std::abs(expected) < largest_lost) continue;
    CAPTURE(x[i]);
    const double floor = cancels ? std::max(1e-3, std::abs(double{x[i]})) : 1e-37;
    CHECK(relative_error(y[i], expected, floor) < 1e-6);
  }
}

/// A chain with an operand of every kind.
struct Chain {
  Chain(size_t rows, size_t width, size_t group, uint32_t seed = 5)
      : x(rows, width),
        same(rows, width, 1),
        weight(1, width),
        per_group(rows, (width + group - 1) / group, 2),
        y(rows, width, 4) {
    std::mt19937 random(seed);
    x.fill(random);
    same.fill(random);
    weight.fill(random);
    per_group.fill(random);
    steps = {{ElementwiseFunction::multiply_silu, same.in(), 1, 0},
             {ElementwiseFunction::multiply, {weight.data(), 0}, 1, 0},
             {ElementwiseFunction::add, per_group.in(), group, 0},
             {ElementwiseFunction::sigmoid, {}, 1, 0},
             {ElementwiseFunction::subtract_from, {}, 1, 1.0f}};
  }

  TestRows x, same, weight, per_group, y;
  std::vector<ElementwiseStep> steps;
};

void check_chain(size_t rows, size_t width, size_t group) {
  CAPTURE(rows);
  CAPTURE(width);
  CAPTURE(group);
  Chain chain(rows, width, group);
  TestRows expected(rows, width);
  reference::elementwise(rows, width, chain.x.in(), chain.steps, expected.out());
  kernels::elementwise(rows, width, chain.x.in(), chain.steps, chain.y.out());
  CHECK(largest_difference(chain.y, expected) < 1e-6);
  CHECK(chain.y.guards_intact());
  kernels::elementwise(rows, width, chain.x.in(), chain.steps, chain.x.out());
  CHECK(same_bits(chain.x, chain.y));
  CHECK(chain.x.guards_intact());
}

}  // namespace

TEST_CASE("elementwise: every function is exact to a few units in the last place") {
  const std::vector<float> x = sample_values();
  for_each_target([&] {
    for (const ElementwiseFunction function : all_functions) check_function(function, x);
  });
}

TEST_CASE("elementwise: infinities and values that are no numbers") {
  const float inf = std::numeric_limits<float>::infinity();
  for_each_target([&] {
    for (const ElementwiseFunction function : all_functions) {
      CAPTURE(static_cast<int>(function));
      float value = std::numeric_limits<float>::quiet_NaN();
      const ElementwiseStep step = {function, {}, 1, 1.5f};
      kernels::elementwise(1, 1, {&value, 0}, {&step, 1}, {&value, 0});
      CHECK(std::isnan(value));
    }
    const auto at = [](ElementwiseFunction function, float value) {
      const ElementwiseStep step = {function, {}, 1, 0};
      kernels::elementwise(1, 1, {&value, 0}, {&step, 1}, {&value, 0});
      return value;
    };
    CHECK(at(ElementwiseFunction::exp, 1000.0f) == inf);
    CHECK(at(ElementwiseFunction::exp, inf) == inf);
    CHECK(at(ElementwiseFunction::exp, -inf) == 0.0f);
    CHECK(at(ElementwiseFunction::exp, -1000.0f) == 0.0f);
    CHECK(at(ElementwiseFunction::sigmoid, -1000.0f) == 0.0f);
    CHECK(at(ElementwiseFunction::sigmoid, inf) == 1.0f);
    CHECK(at(ElementwiseFunction::tanh, inf) == 1.0f);
    CHECK(at(ElementwiseFunction::tanh, -1000.0f) == -1.0f);
    CHECK(at(ElementwiseFunction::softplus, 1000.0f) == 1000.0f);
    CHECK(at(ElementwiseFunction::softplus, -1000.0f) == 0.0f);
    CHECK(at(ElementwiseFunction::log_sigmoid, -1000.0f) == -1000.0f);
    CHECK(at(ElementwiseFunction::log_sigmoid, 1000.0f) == 0.0f);
    CHECK(at(ElementwiseFunction::elu, -1000.0f) == -1.0f);
    CHECK(at(ElementwiseFunction::elu, 1000.0f) == 1000.0f);
    CHECK(at(ElementwiseFunction::gelu, 1000.0f) == 1000.0f);
    CHECK(std::abs(at(ElementwiseFunction::gelu, -1000.0f)) <= 1000 * quotient_error);
    CHECK(at(ElementwiseFunction::silu, -1000.0f) == 0.0f);
  });
}

TEST_CASE("elementwise: chains of steps with every kind of operand, at every width") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      for (const size_t group : {1, 2, 5, 16}) check_chain(3, n, group);
    }
    check_chain(2, 511, 64);
    check_chain(2, 513, 7);
    check_chain(2, 1537, 600);
  });
}

TEST_CASE("elementwise: rows without gaps are read as one, with the same result") {
  for_each_target([] {
    for (const size_t width : {1, 6, 12, 600}) {
      TestRows x(5, width, 0), z(5, width / 3 + (width % 3 != 0), 0), y(5, width, 0),
          gaps(5, width);
      std::mt19937 random(9);
      x.fill(random);
      z.fill(random);
      const ElementwiseStep steps[] = {{ElementwiseFunction::multiply, z.in(), 3, 0},
                                       {ElementwiseFunction::silu, {}, 1, 0}};
      kernels::elementwise(5, width, x.in(), steps, y.out());
      kernels::elementwise(5, width, x.in(), steps, gaps.out());
      CHECK(same_bits(y, gaps));
      CHECK(y.guards_intact());
    }
  });
}

TEST_CASE("elementwise: no step at all is a copy") {
  TestRows x(3, 10), y(3, 10);
  std::mt19937 random(2);
  x.fill(random);
  kernels::elementwise(3, 10, x.in(), {}, y.out());
  CHECK(same_bits(x, y));
  CHECK(y.guards_intact());
}

TEST_CASE("activate: every activation in place at every length") {
  for_each_target([] {
    for (const auto activation :
         {Activation::none, Activation::relu, Activation::squared_relu, Activation::silu,
          Activation::gelu, Activation::gelu_tanh, Activation::sigmoid, Activation::tanh}) {
      for (const size_t n : lengths()) {
        TestRows x(1, n), expected(1, n);
        std::mt19937 random(4);
        x.fill(random, 2.0f);
        for (size_t i = 0; i < n; ++i) {
          expected.at(0, i) = static_cast<float>(reference::activate(activation, x.at(0, i)));
        }
        kernels::activate(activation, x.data(), n);
        CHECK(largest_difference(x, expected) < 1e-6);
        CHECK(x.guards_intact());
      }
    }
  });
}

TEST_CASE("group sum: every width") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      TestRows x(2, 3 * n), y(2, 3), expected(2, 3);
      std::mt19937 random(4);
      x.fill(random);
      kernels::group_sum(2, 3, n, x.in(), y.out());
      reference::group_sum(2, 3, n, x.in(), expected.out());
      CHECK(largest_difference(y, expected) < 1e-5);
      CHECK(y.guards_intact());
    }
  });
}

}  // namespace linnet::test
