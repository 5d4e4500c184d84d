#include "runtime/kernels/int8_matrix.h"

#include <limits>
#include <vector>

// Before kernel_test.h, which would choose the instruction sets of other kernels.
#include "runtime/kernels/tile_targets.h"
#include "tests/ops/kernel_test.h"

namespace linnet::test {
namespace {

using kernels::Int16Rows;

/// Rows of x as 16-bit integers.
struct QuantizedX {
  QuantizedX(const TestRows& x, size_t rows)
      : stride(Int16Rows::row_bytes(x.width()) + 5), values(rows * stride + 1), scales(rows) {
    for (size_t r = 0; r < rows; ++r)
      scales[r] = kernels::quantize_int16(x.in(r).data, x.width(), row(r));
  }

  uint8_t* row(size_t r) { return values.data() + 1 + r * stride; }
  const uint8_t* row(size_t r) const { return values.data() + 1 + r * stride; }
  Int16Rows in() const { return {row(0), scales.data(), stride}; }

  /// The integer that column c became.
  int value(size_t r, size_t c) const {
    const uint8_t* group = row(r) + c / 4 * 8;
    return group[c % 4] * 256 + group[4 + c % 4] - 32768;
  }

  size_t stride;
  std::vector<uint8_t> values;
  std::vector<float> scales;
};

/// Rows of 8-bit integers with a zero point; what lies behind a row must not count.
struct ByteX {
  ByteX(const TestRows& x, size_t rows)
      : stride(x.width() + 3), values(rows * stride + 3), parameters(rows), scales(rows) {
    std::mt19937 random(9);
    std::uniform_int_distribution<int> byte(-128, 127);
    for (int8_t& value : values) value = static_cast<int8_t>(byte(random));
    for (size_t r = 0; r < rows; ++r) {
      scales[r] = 0.01f + std::fabs(x.at(r, 0));
      parameters[r] = {.zero_point = byte(random), .scale = scales[r]};
    }
  }

  kernels::Int8Rows in() const { return {values.data(), parameters.data(), stride}; }
  int value(size_t r, size_t c) const { return values[r * stride + c] - parameters[r].zero_point; }

  size_t stride;
  std::vector<int8_t> values;
  std::vector<kernels::Int8Rows::Parameters> parameters;
  std::vector<float> scales;
};

/// A matrix with its panels.
struct Matrix {
  Matrix(size_t inputs_, size_t outputs_, size_t block_, bool has_bias, std::mt19937& random)
      : inputs(inputs_),
        outputs(outputs_),
        block(block_),
        row_scales((inputs + block - 1) / block),
        weights(inputs * outputs),
        scales(outputs * row_scales),
        bias(has_bias ? outputs : 0) {
    std::uniform_int_distribution<int> byte(-128, 127);
    std::normal_distribution<float> normal;
    for (int8_t& weight : weights) weight = static_cast<int8_t>(byte(random));
    for (float& scale : scales) scale = 0.01f * (1.0f + std::fabs(normal(random)));
    for (float& value : bias) value = normal(random);
    const kernels::Int8Matrix sizes = {.inputs = inputs, .outputs = outputs};
    const size_t bytes = sizes.panel_count() * kernels::int8_panel_bytes(inputs);
    panels.resize(bytes / sizeof(Line));
    auto* memory = reinterpret_cast<std::byte*>(panels.data());
    kernels::pack_int8(weights.data(), scales.data(), block, has_bias ? bias.data() : nullptr,
                       inputs, outputs, memory);
    packed = {.panels = memory, .inputs = inputs, .outputs = outputs};
  }

  template <class X>
  double product(const X& x, size_t r, size_t o) const {
    double sum = 0;
    for (size_t c = 0; c < inputs; ++c) {
      sum += static_cast<double>(scales[o * row_scales + c / block]) * weights[o * inputs + c] *
             x.value(r, c);
    }
    return sum * static_cast<double>(x.scales[r]) + (bias.empty() ? 0.0 : double{bias[o]});
  }

  struct alignas(64) Line {
    std::byte bytes[64];
  };

  size_t inputs, outputs, block, row_scales;
  std::vector<int8_t> weights;
  std::vector<float> scales, bias;
  std::vector<Line> panels;
  kernels::Int8Matrix packed;
};

template <class X>
void check_rows(size_t inputs, size_t outputs, size_t block, bool has_bias, double magnitude) {
  CAPTURE(inputs);
  CAPTURE(outputs);
  CAPTURE(block);
  constexpr size_t largest_rows = 14;  // more than two tiles
  std::mt19937 random(5);
  const Matrix w(inputs, outputs, block, has_bias, random);
  TestRows values(largest_rows, inputs);
  values.fill(random);
  const X x(values, largest_rows);
  TestRows all(largest_rows, outputs);
  kernels::multiply_int8(w.packed, largest_rows, x.in(), 0, w.packed.panel_count(), all.out());
  CHECK(all.guards_intact());
  for (size_t r = 0; r < largest_rows; ++r) {
    for (size_t o = 0; o < outputs; ++o) {
      CAPTURE(r);
      CAPTURE(o);
      // Values of x are about `magnitude`, at most three times that. The sums of q + 32768 reach
      // some millions of times what they are rounded by; a run of 256 weights of up to 128 has
      // products of up to 3 * 256 * 128 * 0.03.
      const double allowed = 1e-6 * static_cast<double>(inputs) * 128 * 0.1 * magnitude + 1e-6;
      REQUIRE(std::fabs(double{all.at(r, o)} - w.product(x, r, o)) <= allowed);
    }
  }
  for (size_t rows = 1; rows < largest_rows; ++rows) {
    TestRows some(rows, outputs);
    for (size_t panel = 0; panel < w.packed.panel_count(); ++panel)
      kernels::multiply_int8(w.packed, rows, x.in(), panel, 1, some.out());
    CHECK(some.guards_intact());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < outputs; ++o) REQUIRE(bits(some.at(r, o)) == bits(all.at(r, o)));
    }
  }
}

void check_matrix(size_t inputs, size_t outputs, size_t block, bool has_bias) {
  check_rows<QuantizedX>(inputs, outputs, block, has_bias, 1);
  check_rows<ByteX>(inputs, outputs, block, has_bias, 255);
}

}  // namespace

TEST_CASE("int8: products of all lengths, with every number of rows and outputs of a tile") {
  for_each_target([] {
    for (const size_t inputs : lengths()) {
      if (inputs > 0) check_matrix(inputs, 33, inputs, inputs % 2 == 0);
    }
    for (const size_t outputs : {1, 4, 15, 16, 17, 64, 67, 81}) check_matrix(40, outputs, 40, true);
  });
}

TEST_CASE("int8: a scale per block, of which the last may be shorter, or one for a long row") {
  for_each_target([] {
    for (const size_t inputs : {255, 256, 257, 511, 512, 515, 770}) {
      check_matrix(inputs, 19, 256, true);
      check_matrix(inputs, 19, 512, false);
      check_matrix(inputs, 19, inputs, true);
    }
  });
}

TEST_CASE("int8: the largest weights and values do not overflow") {
  for_each_target([] {
    for (const int8_t weight : {int8_t{-128}, int8_t{127}}) {
      std::mt19937 random(1);
      Matrix w(512, 16, 512, false, random);
      std::fill(w.weights.begin(), w.weights.end(), weight);
      std::fill(w.scales.begin(), w.scales.end(), 1.0f);
      auto* memory = reinterpret_cast<std::byte*>(w.panels.data());
      kernels::pack_int8(w.weights.data(), w.scales.data(), 512, nullptr, 512, 16, memory);
      for (const float value : {-1.0f, 1.0f}) {
        TestRows values(1, 512), y(1, 16);
        values.fill_with(value);
        const QuantizedX x(values, 1);
        kernels::multiply_int8(w.packed, 1, x.in(), 0, 1, y.out());
        const float expected = 512.0f * weight * value;
        for (size_t o = 0; o < 16; ++o)
          CHECK(std::fabs(y.at(0, o) - expected) <= 1e-6f * std::fabs(expected));
      }
    }
  });
}

}  // namespace linnet::test
