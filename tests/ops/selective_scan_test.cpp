#include "runtime/kernels/selective_scan.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

struct Shape {
  size_t tokens = 5;
  size_t width = 8;
  size_t states = 16;
  ScanInput input = ScanInput::step;
  bool selects = true;  ///< has B, C and D
};

struct Scan {
  explicit Scan(const Shape& with)
      : shape(with),
        x(with.tokens, with.width),
        step(with.tokens, with.width, 2),
        rates(with.states, with.width),
        write(with.tokens, with.states),
        read(with.tokens, with.states, 1),
        skip(1, with.width),
        state(with.states, with.width, 0),
        y(with.tokens, with.width, 5) {
    std::mt19937 random(23);
    x.fill(random);
    write.fill(random);
    read.fill(random);
    skip.fill(random);
    state.fill(random);
    std::uniform_real_distribution<float> positive(0.01f, 1.0f);
    for (size_t t = 0; t < with.tokens; ++t) {
      for (size_t c = 0; c < with.width; ++c) step.at(t, c) = positive(random);
    }
    for (size_t n = 0; n < with.states; ++n) {
      for (size_t c = 0; c < with.width; ++c) rates.at(n, c) = -8.0f * positive(random);
    }
    y.fill_with(NAN);
  }

  kernels::SelectiveScanArguments arguments(size_t first, size_t tokens) {
    kernels::SelectiveScanArguments a;
    a.tokens = tokens;
    a.states = shape.states;
    a.starts_stream = first == 0;
    a.x = x.in(first);
    a.step = step.in(first);
    a.rates = rates.in();
    if (shape.selects) {
      a.write = write.in(first);
      a.read = read.in(first);
      a.skip = skip.data();
    }
    a.state = state.out();
    a.y = y.out(first);
    a.input = shape.input;
    return a;
  }

  bool guards_intact() const { return state.guards_intact() && y.guards_intact(); }

  Shape shape;
  TestRows x, step, rates, write, read, skip, state, y;
};

void check_scan(const Shape& shape) {
  CAPTURE(shape.width);
  CAPTURE(shape.states);
  Scan expected(shape), whole(shape), single(shape);
  reference::selective_scan(expected.arguments(0, shape.tokens), shape.width);
  kernels::selective_scan(whole.arguments(0, shape.tokens), 0, shape.width);
  // Sums of up to 130 products in float.
  CHECK(largest_difference(whole.y, expected.y) < 2e-5);
  CHECK(largest_difference(whole.state, expected.state) < 1e-5);
  CHECK(whole.guards_intact());
  // Token by token, in blocks of columns that start off any alignment.
  for (size_t t = 0; t < shape.tokens; ++t) {
    const size_t middle = shape.width / 3;
    kernels::selective_scan(single.arguments(t, 1), middle, shape.width - middle);
    kernels::selective_scan(single.arguments(t, 1), 0, middle);
  }
  CHECK(same_bits(single.y, whole.y));
  CHECK(same_bits(single.state, whole.state));
  CHECK(single.guards_intact());
}

}  // namespace

TEST_CASE("selective scan: every width") {
  for_each_target([] {
    for (const size_t width : lengths()) check_scan({.width = width});
    check_scan({.width = 100});
  });
}

TEST_CASE("selective scan: every number of states, and more than are done together") {
  for_each_target([] {
    for (const size_t states : lengths()) {
      if (states > 0) check_scan({.width = 9, .states = states});
    }
    for (const size_t states : {63, 64, 65, 130}) check_scan({.width = 5, .states = states});
  });
}

TEST_CASE("selective scan: the RG-LRU's input has unit variance, but for a stream's first token") {
  for_each_target([] {
    for (const size_t width : lengths()) {
      check_scan({.tokens = 7,
                  .width = width,
                  .states = 1,
                  .input = ScanInput::unit_variance,
                  .selects = false});
    }
  });
}

TEST_CASE("selective scan: a decay near one loses no digits of the input's factor") {
  for_each_target([] {
    Scan scan({.tokens = 2,
               .width = 1,
               .states = 1,
               .input = ScanInput::unit_variance,
               .selects = false});
    scan.state.fill_with(0);
    scan.x.fill_with(1);
    scan.step.fill_with(1e-6f);
    scan.rates.fill_with(-1.0f);
    kernels::SelectiveScanArguments arguments = scan.arguments(0, 2);
    arguments.starts_stream = false;
    kernels::selective_scan(arguments, 0, 1);
    CHECK(scan.y.at(0, 0) == doctest::Approx(std::sqrt(2e-6)).epsilon(1e-5));
  });
}

}  // namespace linnet::test
