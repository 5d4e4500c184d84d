#include "tools/convert/formats/checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/safetensors_builder.h"
#include "tests/unit/torch_zip_builder.h"

namespace linnet::convert {
namespace {

using test::header_entry;
using test::safetensors;
using test::TempFolder;

using Floats = std::vector<float>;

template <typename T>
std::unique_ptr<Checkpoint> open_values(const TempFolder& folder, const std::string& dtype,
                                        const std::vector<T>& values) {
  const std::string data = test::bytes_of_all(values);
  const std::string shape = "[" + std::to_string(values.size()) + "]";
  const std::string offsets = "[0," + std::to_string(data.size()) + "]";
  return open_checkpoint(folder.write(
      "m.safetensors", safetensors("{" + header_entry("w", dtype, shape, offsets) + "}", data)));
}

/// A checkpoint file with one tensor [1] of value `value`.
std::string single(const std::string& name, float value) {
  return safetensors("{" + header_entry(name, "F32", "[1]", "[0,4]") + "}", test::bytes_of(value));
}

/// A torch file with the matrix `shape` of 0, 1, 2, … in its storage, seen with `strides`.
std::string counting_matrix(const TempFolder& folder, const std::vector<int64_t>& shape,
                            const std::vector<int64_t>& strides) {
  Floats values(static_cast<size_t>(shape[0] * shape[1]));
  std::iota(values.begin(), values.end(), 0.0f);
  test::TorchTensor tensor;
  tensor.elements = static_cast<int64_t>(values.size());
  tensor.shape = shape;
  tensor.strides = strides;
  const std::string pickle =
      test::kPickleStart + test::pickled_entry("w", test::pickled(tensor)) + ".";
  return folder.write("m.pth", test::torch_zip(pickle, test::bytes_of_all(values)));
}

}  // namespace

TEST_CASE("every floating-point type is read as f32") {
  const TempFolder folder;
  CHECK(open_values<float>(folder, "F32", {1.5f, -2})->read("w") == Floats{1.5f, -2});
  CHECK(open_values<double>(folder, "F64", {0.1, 1e300})->read("w") == Floats{0.1f, INFINITY});
  CHECK(open_values<uint16_t>(folder, "F16", {0x3c00, 0x0001})->read("w") == Floats{1, 0x1p-24f});
  CHECK(open_values<uint16_t>(folder, "BF16", {0x3fc0, 0xff80})->read("w") ==
        Floats{1.5f, -INFINITY});
}

TEST_CASE("every integer type is read as integers, and not as f32") {
  const TempFolder folder;
  using Integers = std::vector<int64_t>;
  CHECK(open_values<int64_t>(folder, "I64", {1, -1})->read_integers("w") == Integers{1, -1});
  CHECK(open_values<int32_t>(folder, "I32", {1, -1})->read_integers("w") == Integers{1, -1});
  CHECK(open_values<int16_t>(folder, "I16", {1, -1})->read_integers("w") == Integers{1, -1});
  CHECK(open_values<int8_t>(folder, "I8", {1, -1})->read_integers("w") == Integers{1, -1});
  CHECK(open_values<uint8_t>(folder, "U8", {1, 255})->read_integers("w") == Integers{1, 255});
  CHECK(open_values<uint8_t>(folder, "BOOL", {0, 1, 7})->read_integers("w") == Integers{0, 1, 1});
  CHECK_FAILS_WITH(open_values<int64_t>(folder, "I64", {1})->read("w"),
                   "tensor 'w': expected a floating-point type that this version reads, found i64");
  CHECK_FAILS_WITH(open_values<float>(folder, "F32", {1})->read_integers("w"),
                   "expected an integer type that this version reads, found f32");
}

TEST_CASE("rows are read alone") {
  const TempFolder folder;
  const auto checkpoint = open_checkpoint(counting_matrix(folder, {3, 2}, {2, 1}));
  Floats two(2);
  checkpoint->read_rows("w", 1, 1, two);
  CHECK(two == Floats{2, 3});
  checkpoint->read_rows("w", 3, 0, {});
  Floats four(4);
  checkpoint->read_rows("w", 1, 2, four);
  CHECK(four == Floats{2, 3, 4, 5});
  CHECK_FAILS_WITH(checkpoint->read_rows("w", 2, 2, four), "rows [2, +2) asked for");
  CHECK_FAILS_WITH(checkpoint->read_rows("w", ~uint64_t{0}, 2, four), "the shape is [3, 2]");
  CHECK_FAILS_WITH(checkpoint->read_rows("w", 0, 1, four), "room for 2 values expected, found 4");
  CHECK_FAILS_WITH(checkpoint->read("v"), "m.pth: has no tensor 'v'");
}

TEST_CASE("tensors larger than a piece are read whole, in either order") {
  const TempFolder folder;
  const int64_t rows = 700;
  const int64_t columns = 1501;
  const size_t count = static_cast<size_t>(rows * columns);
  Floats expected(count);
  std::iota(expected.begin(), expected.end(), 0.0f);
  CHECK(open_checkpoint(counting_matrix(folder, {rows, columns}, {columns, 1}))->read("w") ==
        expected);

  const auto transposed = open_checkpoint(counting_matrix(folder, {rows, columns}, {1, rows}));
  const Floats values = transposed->read("w");
  size_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = i / static_cast<size_t>(columns);
    const size_t column = i % static_cast<size_t>(columns);
    const size_t stored = column * static_cast<size_t>(rows) + row;
    wrong += values[i] != static_cast<float>(stored) ? 1 : 0;
  }
  CHECK(wrong == 0);
  Floats part(static_cast<size_t>(columns) * 3);
  transposed->read_rows("w", 5, 3, part);
  CHECK(std::equal(part.begin(), part.end(), values.begin() + 5 * columns));
}

TEST_CASE("a sharded checkpoint is read through its index") {
  const TempFolder folder;
  folder.write("b.safetensors", single("x", 1));
  folder.write("a.safetensors", single("y", 2));
  const auto index = [&](const std::string& map) {
    return folder.write("model.safetensors.index.json",
                        R"({"metadata":{},"weight_map":)" + map + "}");
  };
  const std::string path = index(R"({"x":"b.safetensors","y":"a.safetensors"})");
  for (const std::string& opened : {path, folder.path()}) {
    const auto checkpoint = open_checkpoint(opened);
    CHECK(checkpoint->files() ==
          std::vector{folder.file("a.safetensors"), folder.file("b.safetensors")});
    CHECK(checkpoint->read("x") == Floats{1});
    CHECK(checkpoint->read("y") == Floats{2});
  }
  CHECK_FAILS_WITH(open_checkpoint(index(R"({"y":"b.safetensors"})")),
                   "tensor 'y' expected in 'b.safetensors', which lacks it");
  CHECK_FAILS_WITH(open_checkpoint(index(R"({"y":"c.safetensors"})")),
                   "c.safetensors: cannot open");
  for (const char* bad : {R"("../a.safetensors")", R"("/etc/passwd")", R"("")", "1", R"("..")",
                          R"("a\u0000b")", R"("a\\b")"}) {
    CHECK_FAILS_WITH(open_checkpoint(index(R"({"y":)" + std::string(bad) + "}")),
                     "tensor 'y': a file's name expected");
  }
  CHECK_FAILS_WITH(open_checkpoint(index("[]")), "no object 'weight_map'");
}

TEST_CASE("a folder stands for its model file, or for its only weight file") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_checkpoint(folder.path()), "no weights found");
  folder.write("only.safetensors", single("only", 1));
  CHECK(open_checkpoint(folder.path())->contains("only"));
  folder.write("training.bin", "");
  CHECK_FAILS_WITH(open_checkpoint(folder.path()), "several weight files");
  folder.write("model.safetensors", single("model", 1));
  CHECK(open_checkpoint(folder.path())->contains("model"));
  CHECK_FAILS_WITH(open_checkpoint(folder.file("none.pth")), "none.pth: cannot open: No such file");
}

}  // namespace linnet::convert
