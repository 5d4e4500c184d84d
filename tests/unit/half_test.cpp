#include "tools/convert/formats/half.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace linnet::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float reference_f16(unsigned half) {
  const int exponent = static_cast<int>(half >> 10 & 31);
  const int mantissa = static_cast<int>(half & 1023);
  const float sign = (half & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
}

}  // namespace

TEST_CASE("every f16 number has its exact f32 value and comes back") {
  for (unsigned half = 0; half < 0x10000; ++half) {
    if ((half & 0x7c00) == 0x7c00) continue;
    const float value = f16_to_f32(static_cast<uint16_t>(half));
    REQUIRE(std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(reference_f16(half)));
    REQUIRE(f32_to_f16(value) == half);
  }
}

TEST_CASE("f16 infinities and NaNs stay what they are") {
  CHECK(f16_to_f32(0x7c00) == kInfinity);
  CHECK(f16_to_f32(0xfc00) == -kInfinity);
  CHECK(f32_to_f16(kInfinity) == 0x7c00);
  CHECK(f32_to_f16(-kInfinity) == 0xfc00);
  for (unsigned payload = 1; payload < 0x400; ++payload) {
    const auto half = static_cast<uint16_t>(0x7c00 | payload);
    REQUIRE(std::isnan(f16_to_f32(half)));
    REQUIRE(f32_to_f16(f16_to_f32(half)) == (half | 0x200));
  }
  CHECK(f32_to_f16(std::bit_cast<float>(0xff800001u)) == 0xfe00);
}

TEST_CASE("f32 to f16 rounds to nearest, ties to even, between all neighbours") {
  for (unsigned half = 0; half < 0x7bff; ++half) {
    const float low = f16_to_f32(static_cast<uint16_t>(half));
    const float high = f16_to_f32(static_cast<uint16_t>(half + 1));
    const float middle = low + (high - low) / 2;
    REQUIRE(f32_to_f16(middle) == half + (half & 1));
    REQUIRE(f32_to_f16(std::nextafter(middle, 0.0f)) == half);
    REQUIRE(f32_to_f16(std::nextafter(middle, kInfinity)) == half + 1);
    REQUIRE(f32_to_f16(-middle) == (0x8000u | (half + (half & 1))));
  }
  CHECK(f32_to_f16(std::nextafter(65520.0f, 0.0f)) == 0x7bff);
  CHECK(f32_to_f16(65520.0f) == 0x7c00);
  CHECK(f32_to_f16(std::numeric_limits<float>::max()) == 0x7c00);
  CHECK(f32_to_f16(std::numeric_limits<float>::denorm_min()) == 0);
}

TEST_CASE("bf16 is the upper half of f32, rounded to nearest even") {
  for (unsigned brain = 0; brain < 0x10000; ++brain) {
    const float value = bf16_to_f32(static_cast<uint16_t>(brain));
    REQUIRE(std::bit_cast<uint32_t>(value) == brain << 16);
    REQUIRE(f32_to_bf16(value) == (std::isnan(value) ? (brain | 0x40) : brain));
  }
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f808000u)) == 0x3f80);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f818000u)) == 0x3f82);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f808001u)) == 0x3f81);
  CHECK(f32_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x7f800001u)) == 0x7fc0);
}

}  // namespace linnet::convert
