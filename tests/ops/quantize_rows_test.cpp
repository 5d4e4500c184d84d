#include "runtime/kernels/quantize_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/ops/kernel_test.h"

namespace linnet::test {

using kernels::Int16Rows;
using kernels::Int8Rows;

TEST_CASE("int16 rows hold values to half a step of 65534, at every length") {
  for_each_target([] {
    for (const size_t count : lengths()) {
      CAPTURE(count);
      std::mt19937 random(2);
      TestRows values(1, count);
      values.fill(random, 3.0f);
      const size_t bytes = Int16Rows::row_bytes(count);
      std::vector<uint8_t> q(bytes + 2, uint8_t{99});
      const float scale = kernels::quantize_int16(values.in(0).data, count, q.data() + 1);
      float largest = 0;
      for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values.at(0, i)));
      CHECK(scale == doctest::Approx(largest / 32767).epsilon(1e-6));
      for (size_t i = 0; i < count; ++i) {
        const uint8_t* group = q.data() + 1 + i / 4 * 8;
        const int value = group[i % 4] * 256 + group[4 + i % 4] - 32768;
        CHECK(std::abs(value) <= 32767);
        // Half a step, and f32's rounding of the quotient.
        CHECK(std::fabs(value * double{scale} - values.at(0, i)) <= 0.502 * scale);
      }
      CHECK(q.front() == 99);
      CHECK(q.back() == 99);
    }
  });
}

TEST_CASE("int16 rows of zeros are zeros, and of what is not a number are no numbers") {
  for_each_target([] {
    for (const float zero : {0.0f, -0.0f, 1e-40f}) {
      const std::vector<float> x(7, zero);
      std::vector<uint8_t> q(Int16Rows::row_bytes(7));
      CHECK(kernels::quantize_int16(x.data(), x.size(), q.data()) == 0.0f);
    }
    for (const size_t at : {size_t{0}, size_t{6}, size_t{20}}) {
      std::vector<float> x(21, 1.0f);
      std::vector<uint8_t> q(Int16Rows::row_bytes(21));
      x[at] = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(kernels::quantize_int16(x.data(), x.size(), q.data())));
      x[at] = -INFINITY;
      CHECK(std::isinf(kernels::quantize_int16(x.data(), x.size(), q.data())));
    }
  });
}

TEST_CASE("int8 rows hold values to a step of 255 and zero exactly, at every length") {
  for_each_target([] {
    for (const size_t count : lengths()) {
      for (const float shift : {0.0f, 5.0f, -5.0f}) {
        CAPTURE(count);
        CAPTURE(shift);
        std::mt19937 random(3);
        TestRows values(1, count);
        values.fill(random, 3.0f);
        std::vector<float> x(values.in(0).data, values.in(0).data + count);
        for (float& value : x) value += shift;
        std::vector<int8_t> q(count + 2, int8_t{99});
        const Int8Rows::Parameters made = kernels::quantize_int8(x.data(), count, q.data() + 1);
        float smallest = 0;
        float largest = 0;
        for (const float value : x) {
          smallest = std::min(smallest, value);
          largest = std::max(largest, value);
        }
        CHECK(made.scale == doctest::Approx((largest - smallest) / 255).epsilon(1e-5));
        CHECK(made.zero_point >= -128);
        CHECK(made.zero_point <= 127);
        for (size_t i = 0; i < count; ++i) {
          // Half a step, and another where the zero point was rounded the other way and the end of
          // the range does not fit.
          const double held = (q[i + 1] - made.zero_point) * double{made.scale};
          CHECK(std::fabs(held - x[i]) <= 1.001 * made.scale);
        }
        CHECK(q.front() == 99);
        CHECK(q.back() == 99);
      }
    }
  });
}

TEST_CASE("int8 rows of zeros are zeros, and of what is not a number are no numbers") {
  for_each_target([] {
    for (const float zero : {0.0f, -0.0f, 1e-40f}) {
      const std::vector<float> x(7, zero);
      std::vector<int8_t> q(7);
      const Int8Rows::Parameters made = kernels::quantize_int8(x.data(), x.size(), q.data());
      CHECK(made.scale == 0.0f);
      for (const int8_t value : q) CHECK(value == made.zero_point);
    }
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -INFINITY}) {
      for (const size_t at : {size_t{0}, size_t{20}}) {
        std::vector<float> x(21, 1.0f);
        std::vector<int8_t> q(21);
        x[at] = bad;
        CHECK_FALSE(std::isfinite(kernels::quantize_int8(x.data(), x.size(), q.data()).scale));
      }
    }
    const std::vector<float> widest = {-3e38f, 3e38f};
    std::vector<int8_t> q(2);
    const Int8Rows::Parameters made = kernels::quantize_int8(widest.data(), 2, q.data());
    CHECK(std::isfinite(made.scale));
    CHECK((q[1] - q[0]) * double{made.scale} == doctest::Approx(6e38).epsilon(0.01));
  });
}

}  // namespace linnet::test
