#include "runtime/kernels/rotary.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

TEST_CASE("rotary table: cosines and sines of any position") {
  for_each_target([] {
    for (const size_t pairs : lengths()) {
      for (const uint64_t position : {uint64_t{0}, uint64_t{1000}, uint64_t{123456789}}) {
        CAPTURE(pairs);
        CAPTURE(position);
        const size_t tokens = 3;
        std::vector<float> frequencies(pairs);
        for (size_t i = 0; i < pairs; ++i) {
          frequencies[i] = std::pow(10000.0f, -static_cast<float>(i) / static_cast<float>(pairs));
        }
        TestRows cosines(1, tokens * pairs), sines(1, tokens * pairs);
        TestRows expected_cosines(1, tokens * pairs), expected_sines(1, tokens * pairs);
        kernels::rotary_table(position, tokens, frequencies.data(), pairs, 1.5f, cosines.data(),
                              sines.data());
        reference::rotary_table(position, tokens, frequencies.data(), pairs, 1.5f,
                                expected_cosines.data(), expected_sines.data());
        CHECK(largest_difference(cosines, expected_cosines) < 5e-7);
        CHECK(largest_difference(sines, expected_sines) < 5e-7);
        CHECK(cosines.guards_intact());
        CHECK(sines.guards_intact());
      }
    }
  });
}

TEST_CASE("rotary: both styles, whole heads and parts of them, in place too") {
  for_each_target([] {
    for (const auto style : {RotaryStyle::halves, RotaryStyle::interleaved}) {
      for (const size_t pairs : lengths()) {
        for (const size_t rest : {0, 1, 18}) {
          CAPTURE(pairs);
          CAPTURE(rest);
          const size_t tokens = 2, heads = 3, head_dim = 2 * pairs + rest;
          std::mt19937 random(3);
          TestRows x(tokens, heads * head_dim), y(tokens, heads * head_dim, 1);
          TestRows expected(tokens, heads * head_dim);
          TestRows cosines(1, tokens * pairs), sines(1, tokens * pairs);
          x.fill(random);
          cosines.fill(random);
          sines.fill(random);
          kernels::RotaryArguments arguments = {tokens, heads,          head_dim,
                                                pairs,  cosines.data(), sines.data(),
                                                style,  x.in(),         expected.out()};
          reference::rotary(arguments);
          arguments.y = y.out();
          kernels::rotary(arguments);
          CHECK(largest_difference(y, expected) < 1e-6);
          CHECK(y.guards_intact());
          arguments.y = x.out();
          kernels::rotary(arguments);
          CHECK(same_bits(x, y));
          CHECK(x.guards_intact());
        }
      }
    }
  });
}

}  // namespace linnet::test
