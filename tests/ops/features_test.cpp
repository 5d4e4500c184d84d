#include "runtime/kernels/features.h"

#include <limits>

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

using kernels::SoftmaxFeaturesHead;

void check_head_linear(size_t rows, size_t heads, size_t inputs, size_t outputs) {
  CAPTURE(inputs);
  CAPTURE(outputs);
  TestRows x(rows, heads * inputs), weight(inputs, outputs, 0);
  TestRows y(rows, heads * outputs), expected(rows, heads * outputs);
  std::mt19937 random(3);
  x.fill(random);
  weight.fill(random);
  kernels::HeadLinearArguments arguments = {rows,   heads,         inputs, outputs,
                                            x.in(), weight.data(), y.out()};
  kernels::head_linear(arguments);
  arguments.y = expected.out();
  reference::head_linear(arguments);
  CHECK(largest_difference(y, expected) < 1e-5);
  CHECK(y.guards_intact());
}

struct Features {
  Features(size_t tokens, size_t count, FeatureSide side)
      : u(tokens, count), half_norms(tokens, 1), output(tokens, count + 1) {
    std::mt19937 random(8);
    u.fill(random, 2.0f);
    half_norms.fill(random, 0.3f, 2.0f);
    head = {.tokens = tokens,
            .features = count,
            .projected = u.in(),
            .half_norms = half_norms.in(),
            .output = output.out(),
            .side = side,
            .epsilon = 1e-3f,
            .maximum = kernels::largest(tokens, count, u.in())};
  }

  TestRows u, half_norms, output;
  SoftmaxFeaturesHead head;
};

}  // namespace

TEST_CASE("head linear: every size equals the plain product") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      check_head_linear(2, 3, 5, n);
      check_head_linear(2, 2, n, 9);
    }
    check_head_linear(5, 4, 64, 266);
  });
}

TEST_CASE("largest: every width, and nothing at all") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      TestRows x(3, n);
      std::mt19937 random(5);
      x.fill(random, 1.0f, -10.0f);
      float expected = -std::numeric_limits<float>::infinity();
      for (size_t r = 0; r < 3; ++r) {
        for (size_t c = 0; c < n; ++c) expected = std::max(expected, x.at(r, c));
      }
      CHECK(kernels::largest(3, n, x.in()) == expected);
    }
  });
}

TEST_CASE("softmax features: queries and keys equal the formula at every width") {
  for_each_target([] {
    for (const auto side : {FeatureSide::query, FeatureSide::key}) {
      CAPTURE(static_cast<int>(side));
      for (size_t n = 1; n <= 35; ++n) {
        CAPTURE(n);
        Features actual(4, n, side), expected(4, n, side);
        kernels::softmax_features(actual.head);
        reference::softmax_features(expected.head);
        CHECK(largest_difference(actual.output, expected.output) < 1e-6);
        CHECK(actual.output.guards_intact());
      }
    }
  });
}

// FAVOR+ gives a key the features exp(...) + epsilon. Here the epsilon lies in one feature more,
// whose share stays when a later maximum shrinks the others.
TEST_CASE("softmax features: query times key is the product of features with epsilon each") {
  const size_t count = 21;
  Features query(1, count, FeatureSide::query), key(1, count, FeatureSide::key);
  key.u.at(0, 3) = 0.5f;
  for (const float later_maximum : {3.0f, 4.5f}) {
    key.head.maximum = 3.0f;
    kernels::softmax_features(query.head);
    kernels::softmax_features(key.head);
    double product = 0;
    double expected = 0;
    const double shrinks = std::exp(3.0 - later_maximum);
    for (size_t i = 0; i <= count; ++i) {
      const double shrunk = key.output.at(0, i) * (i < count ? shrinks : 1.0);
      product += query.output.at(0, i) * shrunk;
      if (i == count) continue;
      const double feature = std::exp(key.u.at(0, i) - key.half_norms.at(0, 0) - later_maximum);
      expected += query.output.at(0, i) * (feature + query.head.epsilon);
    }
    CHECK(product == doctest::Approx(expected).epsilon(1e-5));
  }
}

TEST_CASE("dpfp: every width and every roll, beyond a whole turn as well") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      for (const size_t rolls : {1, 2, 3, 19}) {
        CAPTURE(n);
        CAPTURE(rolls);
        TestRows x(1, n), y(1, 2 * n * rolls), expected(1, 2 * n * rolls);
        std::mt19937 random(11);
        x.fill(random);
        kernels::dpfp(x.data(), n, rolls, y.data());
        reference::dpfp(x.data(), n, rolls, expected.data());
        CHECK(largest_difference(y, expected) < 1e-6);
        CHECK(y.guards_intact());
      }
    }
  });
}

}  // namespace linnet::test
