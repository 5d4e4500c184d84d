#include "runtime/kernels/gather.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

namespace {

constexpr int32_t ids[] = {4, 0, 4, 2};
constexpr size_t rows = 4;
constexpr size_t vocabulary = 5;

/// Compares row r of y with value(id of r, column).
template <typename Value>
void check_rows(const TestRows& y, const Value& value) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < y.width(); ++c) {
      CHECK(bits(y.at(r, c)) == bits(value(static_cast<size_t>(ids[r]), c)));
    }
  }
  CHECK(y.guards_intact());
}

}  // namespace

TEST_CASE("gather: rows of every type at every width") {
  for_each_target([] {
    for (const size_t width : lengths()) {
      CAPTURE(width);
      std::mt19937 random(1);
      std::vector<float> floats(vocabulary * width);
      std::vector<uint16_t> halves(vocabulary * width);
      std::vector<int8_t> bytes(vocabulary * width);
      std::uniform_int_distribution<int> byte(-127, 127);
      // No infinities and nothing that is not a number.
      std::uniform_int_distribution<int> half(0, 0x7800);
      for (size_t i = 0; i < floats.size(); ++i) {
        floats[i] = static_cast<float>(byte(random));
        halves[i] = static_cast<uint16_t>(half(random) | (byte(random) < 0 ? 0x8000 : 0));
        bytes[i] = static_cast<int8_t>(byte(random));
      }
      TestRows y(rows, width);
      kernels::gather_f32(floats.data(), width, ids, rows, y.out());
      check_rows(y, [&](size_t id, size_t c) { return floats[id * width + c]; });
      kernels::gather_f16(halves.data(), width, ids, rows, y.out());
      check_rows(
          y, [&](size_t id, size_t c) { return reference::half_to_float(halves[id * width + c]); });
      kernels::gather_bf16(halves.data(), width, ids, rows, y.out());
      check_rows(y, [&](size_t id, size_t c) {
        return reference::bfloat16_to_float(halves[id * width + c]);
      });
      for (const size_t block : {size_t{1}, size_t{5}, size_t{16}, std::max<size_t>(width, 1)}) {
        CAPTURE(block);
        const size_t blocks = (width + block - 1) / block;
        std::vector<float> scales(vocabulary * blocks);
        for (size_t i = 0; i < scales.size(); ++i) scales[i] = 0.1f * static_cast<float>(i + 1);
        kernels::gather_int8(bytes.data(), scales.data(), block, width, ids, rows, y.out());
        check_rows(y, [&](size_t id, size_t c) {
          return static_cast<float>(bytes[id * width + c]) * scales[id * blocks + c / block];
        });
      }
    }
  });
}

}  // namespace linnet::test
