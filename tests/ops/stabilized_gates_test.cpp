#include "runtime/kernels/stabilized_gates.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

struct Gates {
  Gates(size_t tokens, size_t heads, float scale)
      : count(heads),
        input(tokens, heads),
        forget(tokens, heads, 1),
        maximum(1, heads),
        decay(tokens, heads),
        write(tokens, heads, 2),
        floor(tokens, heads, 4) {
    std::mt19937 random(5);
    input.fill(random, scale);
    forget.fill(random, scale, 2.0f);
    maximum.fill_with(0.0f);
  }

  kernels::StabilizedGatesArguments arguments(size_t first, size_t tokens) {
    return {tokens,           count,           input.in(first),
            forget.in(first), maximum.data(),  decay.out(first),
            write.out(first), floor.out(first)};
  }

  size_t count;
  TestRows input, forget, maximum, decay, write, floor;
};

}  // namespace

TEST_CASE("stabilised gates: every number of heads, at once and token by token") {
  for_each_target([] {
    for (const size_t heads : lengths()) {
      CAPTURE(heads);
      const size_t tokens = 6;
      Gates expected(tokens, heads, 3.0f), whole(tokens, heads, 3.0f), single(tokens, heads, 3.0f);
      reference::stabilized_gates(expected.arguments(0, tokens));
      kernels::stabilized_gates(whole.arguments(0, tokens));
      for (size_t t = 0; t < tokens; ++t) kernels::stabilized_gates(single.arguments(t, 1));
      for (TestRows Gates::*part : {&Gates::decay, &Gates::write, &Gates::floor, &Gates::maximum}) {
        // The maximum has an error of a few units in its last place, and so has its exponential.
        CHECK(largest_difference(whole.*part, expected.*part) < 1e-5);
        CHECK(same_bits(whole.*part, single.*part));
        CHECK((whole.*part).guards_intact());
      }
    }
  });
}

TEST_CASE("stabilised gates: arguments of hundreds overflow nothing") {
  for_each_target([] {
    const size_t tokens = 50;
    Gates gates(tokens, 4, 300.0f);
    kernels::stabilized_gates(gates.arguments(0, tokens));
    for (size_t t = 0; t < tokens; ++t) {
      for (size_t h = 0; h < 4; ++h) {
        const float decay = gates.decay.at(t, h);
        const float write = gates.write.at(t, h);
        // One of both is the maximum.
        CHECK(std::max(decay, write) == 1.0f);
        CHECK(std::min(decay, write) >= 0.0f);
        CHECK_FALSE(std::isnan(gates.floor.at(t, h)));
      }
    }
  });
}

}  // namespace linnet::test
