#include "runtime/kernels/norm.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

struct Options {
  bool weight = false;
  bool bias = false;
  bool per_group = false;
  float offset = 0.5f;
  double tolerance = 1e-5;
};

void check_norm(NormKind kind, size_t groups, size_t width, const Options& options) {
  CAPTURE(static_cast<int>(kind));
  CAPTURE(width);
  const size_t rows = 3;
  TestRows x(rows, groups * width), y(rows, groups * width, 1), expected(rows, groups * width);
  TestRows weight(1, groups * width), bias(1, groups * width);
  std::mt19937 random(6);
  x.fill(random, 2.0f, options.offset);
  weight.fill(random);
  bias.fill(random);
  kernels::NormArguments arguments = {rows,
                                      groups,
                                      width,
                                      x.in(),
                                      expected.out(),
                                      options.weight ? weight.data() : nullptr,
                                      options.bias ? bias.data() : nullptr,
                                      options.per_group,
                                      kind,
                                      1e-5f};
  reference::norm(arguments);
  arguments.y = y.out();
  kernels::norm(arguments);
  CHECK(largest_difference(y, expected) < options.tolerance);
  CHECK(y.guards_intact());
  arguments.y = x.out();
  kernels::norm(arguments);
  CHECK(same_bits(x, y));
  CHECK(x.guards_intact());
}

constexpr NormKind all_kinds[] = {NormKind::layer, NormKind::rms, NormKind::l2,
                                  NormKind::l2_clamped, NormKind::softmax};

}  // namespace

TEST_CASE("norm: every kind at every width, with and without weight and bias") {
  for_each_target([] {
    for (const NormKind kind : all_kinds) {
      for (const size_t n : lengths()) {
        check_norm(kind, 1, n, {});
        check_norm(kind, 3, n, {.weight = true});
        check_norm(kind, 3, n, {.weight = true, .bias = true, .per_group = true});
        check_norm(kind, 2, n, {.bias = true});
      }
      check_norm(kind, 1, 1027, {.weight = true, .bias = true});
    }
  });
}

TEST_CASE("norm: by the sum, of values whose sum is not near zero") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      check_norm(NormKind::sum, 1, n, {.offset = 8.0f});
      check_norm(NormKind::sum, 3, n, {.weight = true, .bias = true, .offset = 8.0f});
    }
  });
}

TEST_CASE("norm: softmax of large numbers neither overflows nor loses their differences") {
  for_each_target([] {
    TestRows x(2, 19), y(2, 19), expected(2, 19);
    std::mt19937 random(6);
    x.fill(random, 2.0f);
    kernels::NormArguments arguments = {2, 1, 19, x.in(), expected.out()};
    arguments.kind = NormKind::softmax;
    reference::norm(arguments);
    for (size_t r = 0; r < 2; ++r) {
      for (size_t c = 0; c < 19; ++c) x.at(r, c) += 1000.0f;
    }
    arguments.y = y.out();
    kernels::norm(arguments);
    // A number near 1000 is itself rounded to 3e-5.
    CHECK(largest_difference(y, expected) < 1e-4);
  });
}

TEST_CASE("norm: a mean far from zero does not spoil the variance") {
  for_each_target([] {
    // A mean near 1000 is itself rounded to 6e-5.
    check_norm(NormKind::layer, 1, 300, {.offset = 1000.0f, .tolerance = 1e-4});
  });
}

TEST_CASE("norm: rows of zeros stay finite") {
  for_each_target([] {
    for (const NormKind kind : all_kinds) {
      TestRows x(1, 20);
      x.fill_with(0.0f);
      kernels::NormArguments arguments;
      arguments.rows = 1;
      arguments.width = 20;
      arguments.x = x.in();
      arguments.y = x.out();
      arguments.kind = kind;
      arguments.epsilon = 1e-6f;
      kernels::norm(arguments);
      const float expected = kind == NormKind::softmax ? 1.0f / 20 : 0.0f;
      for (size_t i = 0; i < 20; ++i) CHECK(x.at(0, i) == doctest::Approx(expected));
    }
  });
}

}  // namespace linnet::test
