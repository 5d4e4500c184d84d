#include "runtime/kernels/plain_matrix.h"

#include <vector>

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

  const kernels::HalfMatrix w = {
      .matrix = matrix.data(), .inputs = inputs, .outputs = outputs, .bias = bias.data()};
  TestRows whole(rows, outputs), split(rows, outputs);
  kernels::multiply_half(w, rows, x.in(), 0, outputs, whole.out());
  // f32 sums of a few dozen products of about one.
  CHECK(largest_difference(whole, expected) < 1e-5);
  CHECK(whole.guards_intact());
  for (size_t r = 0; r < rows; ++r) {
    kernels::multiply_half(w, 1, x.in(r), outputs / 3, outputs - outputs / 3, split.out(r));
    kernels::multiply_half(w, 1, x.in(r), 0, outputs / 3, split.out(r));
  }
  CHECK(same_bits(whole, split));
}

/// The same for floats, which need no other kernel: a matrix of values that f16 has gives the bits
/// that the f16 matrix gives.
void check_float_product(size_t rows, size_t inputs, size_t outputs) {
  CAPTURE(rows);
  CAPTURE(inputs);
  CAPTURE(outputs);
  std::mt19937 random(6);
  TestRows x(rows, inputs), from_half(rows, outputs), from_float(rows, outputs);
  x.fill(random);
  std::normal_distribution<float> normal;
  std::vector<uint16_t> halves;
  std::vector<float> floats;
  for (size_t i = 0; i < inputs * outputs; ++i) {
    halves.push_back(convert::f32_to_f16(normal(random)));
    floats.push_back(convert::f16_to_f32(halves.back()));
  }
  const kernels::HalfMatrix half = {
      .matrix = halves.data(), .inputs = inputs, .outputs = outputs, .bias = nullptr};
  const kernels::FloatMatrix plain = {
      .matrix = floats.data(), .inputs = inputs, .outputs = outputs, .bias = nullptr};
  kernels::multiply_half(half, rows, x.in(), 0, outputs, from_half.out());
  kernels::multiply_float(plain, rows, x.in(), 0, outputs, from_float.out());
  CHECK(same_bits(from_half, from_float));
  CHECK(from_float.guards_intact());
}

}  // namespace

TEST_CASE("f32 matrices: the same sums as of the f16 matrix with these values") {
  for_each_target([] {
    for (const size_t inputs : lengths()) {
      for (const size_t rows : {size_t{1}, size_t{2}, size_t{3}}) {
        for (const size_t outputs : {size_t{1}, size_t{4}, size_t{7}})
          check_float_product(rows, inputs, outputs);
      }
    }
  });
}

TEST_CASE("f16 matrices: every length of a row, whole, row by row and in blocks of outputs") {
  for_each_target([] {
    for (const size_t inputs : lengths()) {
      for (const size_t rows : {size_t{1}, size_t{2}, size_t{3}}) {
        for (const size_t outputs : {size_t{1}, size_t{4}, size_t{7}})
          check_product(rows, inputs, outputs);
      }
    }
  });
}

}  // namespace linnet::test
