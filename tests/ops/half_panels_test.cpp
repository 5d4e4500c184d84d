#include "runtime/kernels/half_panels.h"

#include <vector>

// Before kernel_test.h, which would choose the instruction sets of other kernels.
#include "runtime/kernels/tile_targets.h"
#include "tests/ops/kernel_test.h"
#include "tools/convert/formats/half.h"

namespace linnet::test {
namespace {

/// y = x W^T + bias by plain loops in double.
void multiply(const std::vector<uint16_t>& matrix, const TestRows& x, const TestRows& bias,
              TestRows& y) {
  for (size_t r = 0; r < y.rows(); ++r) {
    for (size_t o = 0; o < y.width(); ++o) {
      double sum = bias.at(0, o);
      for (size_t i = 0; i < x.width(); ++i)
        sum += double{x.at(r, i)} * convert::f16_to_f32(matrix[o * x.width() + i]);
      y.at(r, o) = static_cast<float>(sum);
    }
  }
}

void check_product(size_t rows, size_t inputs, size_t outputs) {
  CAPTURE(rows);
  CAPTURE(inputs);
  CAPTURE(outputs);
  std::mt19937 random(5);
  TestRows x(rows, inputs), bias(1, outputs), values(outputs, inputs), expected(rows, outputs);
  x.fill(random);
  bias.fill(random);
  values.fill(random);
  std::vector<uint16_t> matrix;
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < inputs; ++i) matrix.push_back(convert::f32_to_f16(values.at(o, i)));
  }
  multiply(matrix, x, bias, expected);

  kernels::HalfPanels w = {.inputs = inputs, .outputs = outputs};
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> panels(w.panel_count() * kernels::half_panel_bytes(inputs) / sizeof(Line));
  auto* memory = reinterpret_cast<std::byte*>(panels.data());
  kernels::pack_half(matrix.data(), bias.data(), inputs, outputs, memory);
  w.panels = memory;
  TestRows whole(rows, outputs), split(rows, outputs);
  kernels::multiply_half_panels(w, rows, x.in(), 0, w.panel_count(), whole.out());
  // f32 sums of a few dozen products of about one.
  CHECK(largest_difference(whole, expected) < 1e-5);
  CHECK(whole.guards_intact());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t panel = 0; panel < w.panel_count(); ++panel)
      kernels::multiply_half_panels(w, 1, x.in(r), panel, 1, split.out(r));
  }
  CHECK(same_bits(whole, split));
}

}  // namespace

TEST_CASE("f16 matrices: every length of a row, whole, row by row and panel by panel") {
  for_each_target([] {
    for (const size_t inputs : lengths()) {
      for (const size_t rows : {1, 2, 3, 14}) {
        for (const size_t outputs : {1, 4, 16, 33}) check_product(rows, inputs, outputs);
      }
    }
    for (const size_t outputs : {15, 17, 64, 67, 81}) check_product(7, 40, outputs);
  });
}

TEST_CASE("f16 matrices may have no bias") {
  const uint16_t matrix[] = {convert::f32_to_f16(2), convert::f32_to_f16(-3)};
  struct alignas(64) {
    std::byte bytes[128];
  } panel;
  REQUIRE(kernels::half_panel_bytes(2) == sizeof panel.bytes);
  kernels::pack_half(matrix, nullptr, 2, 1, panel.bytes);
  const float x[] = {5, 7};
  float y = 99;
  kernels::multiply_half_panels({panel.bytes, 2, 1}, 1, {x, 2}, 0, 1, {&y, 1});
  CHECK(y == -11.0f);
}

}  // namespace linnet::test
