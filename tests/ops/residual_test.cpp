#include "runtime/kernels/residual.h"

#include <vector>

#include "tests/ops/kernel_test.h"

namespace linnet::test {
namespace {

/// Values around the grid of a high piece, the piece itself, and room for the low one, none of them
/// aligned.
struct Row {
  Row(size_t count, float scale, int32_t zero_point)
      : x(1, count), high(count + 1), low(count + 2) {
    std::mt19937 random(7);
    x.fill(random, 20.0f * scale);
    for (size_t i = 0; i < count; ++i) {
      const float steps = std::nearbyint(x.at(0, i) / scale) + static_cast<float>(zero_point);
      high[i + 1] = static_cast<int8_t>(std::clamp(steps, -128.0f, 127.0f));
    }
    low.front() = low.back() = guard;
  }

  static constexpr int8_t guard = 99;
  TestRows x;
  std::vector<int8_t> high, low;
};

}  // namespace

TEST_CASE("the low piece is the nearest to what the high one left over") {
  constexpr float scale = 0.37f;
  constexpr int32_t zero_point = -5;
  for_each_target([] {
    for (const size_t count : lengths()) {
      CAPTURE(count);
      Row row(count, scale, zero_point);
      kernels::quantize_residual(row.x.data(), row.high.data() + 1, scale, zero_point, count,
                                 row.low.data() + 1);
      constexpr double step = double{scale} / kernels::residual_steps;
      for (size_t i = 0; i < count; ++i) {
        const double high = double{scale} * (row.high[i + 1] - zero_point);
        const double both = high + step * row.low[i + 1];
        // Half a step, and the rounding of f32 at values of up to 60 steps of the high piece.
        CHECK(std::abs(both - double{row.x.at(0, i)}) <= step * 0.5 + 1e-5);
      }
      CHECK(row.low.front() == Row::guard);
      CHECK(row.low.back() == Row::guard);
      CHECK(row.x.guards_intact());
    }
  });
}

TEST_CASE("a value that the high piece was clamped at leaves the most that the low one holds") {
  for_each_target([] {
    const float x[] = {1000.0f, -1000.0f};
    const int8_t high[] = {127, -128};
    int8_t low[2] = {};
    kernels::quantize_residual(x, high, /*scale=*/1.0f, /*zero_point=*/0, 2, low);
    CHECK(low[0] == 127);
    CHECK(low[1] == -127);
  });
}

TEST_CASE("the products of two pieces are added, and their bias counts once") {
  for_each_target([] {
    for (const size_t count : lengths()) {
      CAPTURE(count);
      std::mt19937 random(3);
      TestRows high(1, count), low(1, count), bias(1, count), y(1, count);
      high.fill(random);
      low.fill(random);
      bias.fill(random);
      kernels::join_pieces(high.data(), low.data(), bias.data(), count, y.data());
      for (size_t i = 0; i < count; ++i)
        CHECK(y.at(0, i) == high.at(0, i) + low.at(0, i) - bias.at(0, i));
      kernels::join_pieces(high.data(), low.data(), nullptr, count, y.data());
      for (size_t i = 0; i < count; ++i) CHECK(y.at(0, i) == high.at(0, i) + low.at(0, i));
      CHECK(y.guards_intact());
    }
  });
}

}  // namespace linnet::test
