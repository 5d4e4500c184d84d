#include "runtime/kernels/time_mix.h"

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

  kernels::TokenShiftArguments arguments(size_t first, size_t tokens) {
    outputs[0] = y0.out(first);
    outputs[1] = y1.out(first);
    return {tokens, x.in(first), last.data(), mix_rows, outputs};
  }

  bool guards_intact() const {
    return last.guards_intact() && y0.guards_intact() && y1.guards_intact();
  }

  TestRows x, last, mixes, y0, y1;
  const float* mix_rows[2];
  kernels::MutableRows outputs[2];
};

void check_same(const Shift& a, const Shift& b) {
  CHECK(same_bits(a.last, b.last));
  CHECK(same_bits(a.y0, b.y0));
  CHECK(same_bits(a.y1, b.y1));
}

struct Conv {
  Conv(size_t tokens, size_t width, size_t kernel, bool with_bias, bool in_place = false)
      : x(tokens, width),
        weight(kernel, width),
        bias(1, width),
        tail(kernel - 1, width),
        y(tokens, width, 5),
        kernel_size(kernel),
        biased(with_bias),
        aliased(in_place) {
    std::mt19937 random(8);
    x.fill(random);
    weight.fill(random);
    bias.fill(random);
    tail.fill(random);
  }

  kernels::CausalConvArguments arguments(size_t first, size_t tokens) {
    return {tokens,
            kernel_size,
            x.in(first),
            weight.in(),
            biased ? bias.data() : nullptr,
            tail.out(),
            aliased ? x.out(first) : y.out(first),
            Activation::silu};
  }

  const TestRows& result() const { return aliased ? x : y; }

  TestRows x, weight, bias, tail, y;
  size_t kernel_size;
  bool biased;
  bool aliased;
};

void check_conv(size_t tokens, size_t width, size_t kernel) {
  CAPTURE(tokens);
  CAPTURE(width);
  CAPTURE(kernel);
  for (const bool biased : {false, true}) {
    Conv expected(tokens, width, kernel, biased);
    reference::causal_conv(expected.arguments(0, tokens), width);
    Conv whole(tokens, width, kernel, biased);
    kernels::causal_conv(whole.arguments(0, tokens), 0, width);
    CHECK(largest_difference(whole.y, expected.y) < 1e-5);
    CHECK(same_bits(whole.tail, expected.tail));
    CHECK(whole.y.guards_intact());
    CHECK(whole.tail.guards_intact());
    Conv single(tokens, width, kernel, biased, /*in_place=*/true);
    for (size_t t = 0; t < tokens; ++t) {
      kernels::causal_conv(single.arguments(t, 1), width / 3, width - width / 3);
      kernels::causal_conv(single.arguments(t, 1), 0, width / 3);
    }
    Conv in_place(tokens, width, kernel, biased, /*in_place=*/true);
    kernels::causal_conv(in_place.arguments(0, tokens), 0, width);
    for (const Conv* other : {&single, &in_place}) {
      CHECK(same_bits(whole.result(), other->result()));
      CHECK(same_bits(whole.tail, other->tail));
      CHECK(other->x.guards_intact());
    }
  }
}

}  // namespace

TEST_CASE("token shift: every width, whole, token by token and in blocks of columns") {
  for_each_target([] {
    for (const size_t width : lengths()) {
      CAPTURE(width);
      const size_t tokens = 5;
      Shift expected(tokens, width), whole(tokens, width), single(tokens, width);
      reference::token_shift(expected.arguments(0, tokens), width);
      kernels::token_shift(whole.arguments(0, tokens), 0, width);
      CHECK(largest_difference(whole.y0, expected.y0) < 1e-6);
      CHECK(largest_difference(whole.y1, expected.y1) < 1e-6);
      CHECK(same_bits(whole.last, expected.last));
      for (size_t t = 0; t < tokens; ++t) {
        kernels::token_shift(single.arguments(t, 1), width / 2, width - width / 2);
        kernels::token_shift(single.arguments(t, 1), 0, width / 2);
      }
      check_same(whole, single);
      CHECK(whole.guards_intact());
      CHECK(single.guards_intact());
    }
  });
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
      kernels::CausalConvArguments arguments = expected.arguments(0, 6);
      arguments.activation = activation;
      reference::causal_conv(arguments, 9);
      arguments = actual.arguments(0, 6);
      arguments.activation = activation;
      kernels::causal_conv(arguments, 0, 9);
      CHECK(largest_difference(actual.y, expected.y) < 1e-5);
    }
  });
}

}  // namespace linnet::test
