#include "runtime/kernels/time_mix.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

struct Shift {
  Shift(size_t tokens, size_t width)
      : x(tokens, width), last(1, width), mixes(2, width), y0(tokens, width), y1(tokens, width, 1) {
    std::mt19937 random(7);
    x.fill(random);
    last.fill(random);
    mixes.fill(random);
    mix_rows[0] = mixes.in()[0];
    mix_rows[1] = mixes.in()[1];
  }

  kernels::TokenShiftArguments arguments() {
    outputs[0] = y0.out();
    outputs[1] = y1.out();
    return {x.width(), x.in(), last.data(), mix_rows, outputs};
  }

  bool guards_intact() const { return y0.guards_intact() && y1.guards_intact(); }

  TestRows x, last, mixes, y0, y1;
  const float* mix_rows[2];
  kernels::MutableRows outputs[2];
};

void check_same(const Shift& a, const Shift& b) {
  CHECK(same_bits(a.y0, b.y0));
  CHECK(same_bits(a.y1, b.y1));
}

struct Conv {
  Conv(size_t tokens, size_t width, size_t kernel, bool with_bias)
      : x(tokens, width),
        weight(kernel, width),
        bias(1, width),
        tail(kernel - 1, width),
        y(tokens, width, 5),
        kernel_size(kernel),
        biased(with_bias) {
    std::mt19937 random(8);
    x.fill(random);
    weight.fill(random);
    bias.fill(random);
    tail.fill(random);
  }

  kernels::CausalConvArguments arguments() {
    return {.width = x.width(),
            .kernel = kernel_size,
            .x = x.in(),
            .weight = weight.in(),
            .bias = biased ? bias.data() : nullptr,
            .tail = tail.in(),
            .y = y.out(),
            .activation = Activation::silu};
  }

  TestRows x, weight, bias, tail, y;
  size_t kernel_size;
  bool biased;
};

void check_conv(size_t tokens, size_t width, size_t kernel) {
  CAPTURE(tokens);
  CAPTURE(width);
  CAPTURE(kernel);
  for (const bool biased : {false, true}) {
    Conv expected(tokens, width, kernel, biased);
    reference::causal_conv(expected.arguments(), tokens);
    Conv whole(tokens, width, kernel, biased);
    kernels::causal_conv(whole.arguments(), 0, tokens);
    CHECK(largest_difference(whole.y, expected.y) < 1e-5);
    CHECK(whole.y.guards_intact());
    Conv single(tokens, width, kernel, biased);
    for (size_t t = tokens; t-- > 0;) kernels::causal_conv(single.arguments(), t, 1);
    CHECK(same_bits(whole.y, single.y));
    CHECK(single.y.guards_intact());
  }
}

}  // namespace

TEST_CASE("token shift: every width, whole and row by row") {
  for_each_target([] {
    for (const size_t width : lengths()) {
      CAPTURE(width);
      const size_t tokens = 5;
      Shift expected(tokens, width), whole(tokens, width), single(tokens, width);
      reference::token_shift(expected.arguments(), tokens);
      kernels::token_shift(whole.arguments(), 0, tokens);
      CHECK(largest_difference(whole.y0, expected.y0) < 1e-6);
      CHECK(largest_difference(whole.y1, expected.y1) < 1e-6);
      for (size_t t = tokens; t-- > 0;) kernels::token_shift(single.arguments(), t, 1);
      check_same(whole, single);
      CHECK(whole.guards_intact());
      CHECK(single.guards_intact());
    }
  });
}

TEST_CASE("the tail of a stream is its last rows, after chunks shorter and longer than it") {
  constexpr size_t width = 3;
  for (const size_t rows : {0, 1, 3}) {
    for (const size_t tokens : {0, 1, 2, 3, 7}) {
      CAPTURE(rows);
      CAPTURE(tokens);
      std::vector<float> stream((rows + tokens) * width);
      std::iota(stream.begin(), stream.end(), 1.0f);
      std::vector<float> tail(stream.begin(), stream.begin() + std::ptrdiff_t(rows * width));
      kernels::move_tail(tokens, {stream.data() + rows * width, width}, width, rows,
                         {tail.data(), width});
      CHECK(std::equal(tail.begin(), tail.end(), stream.end() - std::ptrdiff_t(rows * width)));
    }
  }
}

TEST_CASE("causal convolution: every width") {
  for_each_target([] {
    for (const size_t width : lengths()) check_conv(5, width, 4);
    check_conv(5, 200, 4);
  });
}

TEST_CASE("causal convolution: every kernel, chunks shorter and longer than it") {
  for_each_target([] {
    for (size_t kernel = 1; kernel <= kernels::max_conv_kernel; ++kernel) {
      for (const size_t tokens : {1, 2, 3, 7, 20}) check_conv(tokens, 19, kernel);
    }
  });
}

TEST_CASE("causal convolution: every activation") {
  for_each_target([] {
    for (const auto activation : {Activation::none, Activation::relu, Activation::gelu}) {
      Conv expected(6, 9, 3, true), actual(6, 9, 3, true);
      kernels::CausalConvArguments arguments = expected.arguments();
      arguments.activation = activation;
      reference::causal_conv(arguments, 6);
      arguments = actual.arguments();
      arguments.activation = activation;
      kernels::causal_conv(arguments, 0, 6);
      CHECK(largest_difference(actual.y, expected.y) < 1e-5);
    }
  });
}

}  // namespace linnet::test
