#include "runtime/kernels/wkv.h"

#include <utility>

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

using kernels::WkvArguments;

struct Case {
  Case(size_t tokens, size_t width, float key_offset = 0)
      : key(tokens, width),
        value(tokens, width),
        decay(1, width),
        bonus(1, width),
        state(3, width),
        output(tokens, width, 1) {
    std::mt19937 random(11);
    key.fill(random, 1.0f, key_offset);
    value.fill(random);
    decay.fill(random, 0.1f, -0.5f);
    bonus.fill(random);
    state.fill_with(0);
    output.fill_with(0);
  }

  WkvArguments arguments(size_t first, size_t tokens) {
    return {tokens,       key.in(first), value.in(first),  decay.data(),
            bonus.data(), state.out(),   output.out(first)};
  }
  WkvArguments arguments() { return arguments(0, key.rows()); }

  bool guards_intact() const { return state.guards_intact() && output.guards_intact(); }

  TestRows key, value, decay, bonus, state, output;
};

/// The sums in units of 1, as the reference leaves them.
TestRows sums_of(const Case& c) {
  TestRows sums(2, c.state.width());
  for (size_t i = 0; i < c.state.width(); ++i) {
    for (size_t row = 0; row < 2; ++row) {
      sums.at(row, i) = c.state.at(row, i) * std::exp(c.state.at(2, i));
    }
  }
  return sums;
}

}  // namespace

TEST_CASE("wkv: equals the plain sums at every width, and from a state that is not empty") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      CAPTURE(n);
      Case expected(9, n), actual(9, n);
      for (const auto& [first, tokens] : {std::pair<size_t, size_t>{0, 5}, {5, 4}}) {
        reference::wkv(expected.arguments(first, tokens), n);
        kernels::wkv(actual.arguments(first, tokens), 0, n);
        CHECK(largest_difference(sums_of(actual), sums_of(expected)) < 1e-5);
      }
      CHECK(largest_difference(actual.output, expected.output) < 1e-5);
      CHECK(actual.guards_intact());
    }
  });
}

TEST_CASE("wkv: chunks and splits of the columns leave the same bits") {
  for_each_target([] {
    Case whole(7, 35);
    kernels::wkv(whole.arguments(), 0, 35);
    for (size_t cut = 0; cut <= 35; ++cut) {
      Case split(7, 35);
      for (size_t t = 0; t < 7; ++t) {
        kernels::wkv(split.arguments(t, 1), cut, 35 - cut);
        kernels::wkv(split.arguments(t, 1), 0, cut);
      }
      CHECK(same_bits(whole.output, split.output));
      CHECK(same_bits(whole.state, split.state));
      CHECK(split.guards_intact());
    }
  });
}

TEST_CASE("wkv: keys beyond the range of exp shift nothing but the unit") {
  for_each_target([] {
    for (const float offset : {-500.0f, 500.0f}) {
      Case plain(6, 20), shifted(6, 20);
      for (size_t t = 0; t < 6; ++t) {
        for (size_t c = 0; c < 20; ++c) shifted.key.at(t, c) = plain.key.at(t, c) + offset;
      }
      kernels::wkv(plain.arguments(), 0, 20);
      kernels::wkv(shifted.arguments(), 0, 20);
      // A key near 500 is itself rounded to 3e-5.
      CHECK(largest_difference(shifted.output, plain.output) < 2e-4);
    }
  });
}

TEST_CASE("wkv: no token leaves the state as it was") {
  Case c(0, 5);
  c.state.fill_with(2.0f);
  kernels::wkv(c.arguments(), 0, 5);
  for (size_t i = 0; i < 5; ++i) CHECK(c.state.at(2, i) == 2.0f);
}

}  // namespace linnet::test
