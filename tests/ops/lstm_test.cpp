#include "runtime/kernels/lstm.h"

#include <cmath>

#include "tests/ops/kernel_test.h"

namespace linnet::test {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One token by the equations, in double: gates i, f, g, o.
void step(const TestRows& input, const TestRows& recurrent, TestRows& cell, TestRows& hidden) {
  const size_t width = cell.width();
  for (size_t j = 0; j < width; ++j) {
    const auto gate = [&](size_t index) {
      return double{input.at(0, index * width + j)} + recurrent.at(0, index * width + j);
    };
    const double c = sigmoid(gate(1)) * cell.at(0, j) + sigmoid(gate(0)) * std::tanh(gate(2));
    cell.at(0, j) = static_cast<float>(c);
    hidden.at(0, j) = static_cast<float>(sigmoid(gate(3)) * std::tanh(c));
  }
}

void check_cells(size_t width, float scale) {
  CAPTURE(width);
  std::mt19937 random(3);
  TestRows input(1, 4 * width), recurrent(1, 4 * width), cell(1, width), hidden(1, width);
  input.fill(random, scale);
  recurrent.fill(random, scale);
  cell.fill(random);
  hidden.fill_with(0);
  TestRows expected_cell = cell, expected_hidden = hidden;
  step(input, recurrent, expected_cell, expected_hidden);
  TestRows split_cell = cell, split_hidden = hidden;
  kernels::lstm_cells({width, input.data(), recurrent.data(), cell.data(), hidden.data()}, 0,
                      width);
  // Values of about one after two vectorised functions of a few units in the last place each.
  CHECK(largest_difference(cell, expected_cell) < 2e-6);
  CHECK(largest_difference(hidden, expected_hidden) < 2e-6);
  CHECK(cell.guards_intact());
  CHECK(hidden.guards_intact());
  const kernels::LstmCells parts = {width, input.data(), recurrent.data(), split_cell.data(),
                                    split_hidden.data()};
  kernels::lstm_cells(parts, width / 3, width - width / 3);
  kernels::lstm_cells(parts, 0, width / 3);
  CHECK(same_bits(cell, split_cell));
  CHECK(same_bits(hidden, split_hidden));
}

}  // namespace

TEST_CASE("lstm cells: every width, whole and in parts, follow the equations") {
  for_each_target([] {
    for (const size_t width : lengths()) check_cells(width, 1.0f);
  });
}

TEST_CASE("lstm cells: gates that are wide open or shut stay finite") {
  for_each_target([] { check_cells(9, 100.0f); });
}

}  // namespace linnet::test
