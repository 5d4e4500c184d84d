#include "tools/convert/weights.h"

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <stdexcept>

#include "tests/unit/checkpoint_builder.h"

namespace linnet::convert {
namespace {

using test::CheckpointBuilder;
using test::TempFolder;

std::vector<float> values_of(const Weight& weight) {
  std::vector<float> values(element_count(weight.shape));
  // Row by row, since that is how a weight may be asked for.
  const size_t width = values.size() / static_cast<size_t>(weight.size(0));
  for (size_t i = 0; i < static_cast<size_t>(weight.size(0)); ++i) {
    weight.rows(i, 1, std::span(values).subspan(i * width, width));
  }
  return values;
}

TEST_CASE("weights are derived from a checkpoint's tensors") {
  const TempFolder folder;
  const std::string path =
      folder.write("a.safetensors", CheckpointBuilder()
                                        .add("matrix", {3, 2}, {1, 2, 3, 4, 5, 6})
                                        .add("vector", {1, 1, 2}, {7, 8})
                                        .bytes());
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(path);
  WeightReader weights(*checkpoint);
  const Weight matrix = weights("matrix", {3, 2});

  CHECK(values_of(matrix) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(values_of(weights("vector", {2})) == std::vector<float>{7, 8});
  CHECK(values_of(mapped(matrix, [](float w) { return 1 + w; })) ==
        std::vector<float>{2, 3, 4, 5, 6, 7});
  CHECK(transposed(matrix).shape == Shape{2, 3});
  CHECK(values_of(transposed(matrix)) == std::vector<float>{1, 3, 5, 2, 4, 6});
  CHECK(values_of(row(matrix, 1)) == std::vector<float>{3, 4});
  CHECK(values_of(reshaped(matrix, {6})) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(values_of(constant({2}, {9, 10})) == std::vector<float>{9, 10});

  const Weight turned = permuted_rows(matrix, [](uint64_t i) { return (i + 1) % 3; });
  CHECK(values_of(turned) == std::vector<float>{3, 4, 5, 6, 1, 2});
  std::vector<float> all(6);
  turned.rows(0, 3, all);
  CHECK(all == std::vector<float>{3, 4, 5, 6, 1, 2});
}

TEST_CASE("weights of heads are repeated, composed and laid out for all heads") {
  const Weight matrix = constant({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(values_of(row_range(matrix, 1, 2)) == std::vector<float>{3, 4, 5, 6});
  const Weight repeated = repeated_heads(constant({4}, {1, 2, 3, 4}), /*heads=*/2, /*times=*/2);
  CHECK(repeated.shape == Shape{8});
  CHECK(values_of(repeated) == std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4});
  CHECK(values_of(repeated_heads(matrix, 4, 1)) == values_of(matrix));
  CHECK(values_of(tiled(constant({2}, {1, 2}), 3)) == std::vector<float>{1, 2, 1, 2, 1, 2});

  const Weight outer = constant({3, 2}, {1, 0, 0, 1, 1, 10});
  const Weight composed = composed_heads(outer, matrix, /*heads=*/2);
  CHECK(composed.shape == Shape{6, 2});
  const std::vector<float> expected = {1, 2, 3, 4, 31, 42, 5, 6, 7, 8, 75, 86};
  CHECK(values_of(composed) == expected);
  std::vector<float> middle(6);
  composed.rows(2, 3, middle);
  CHECK(middle == std::vector<float>{31, 42, 5, 6, 7, 8});

  const Weight scaled = scaled_rows(matrix, [](uint64_t i) { return static_cast<float>(i); });
  CHECK(values_of(row_range(scaled, 2, 2)) == std::vector<float>{10, 12, 21, 24});

  const Weight diagonal = block_diagonal(constant({1, 2}, {1, 2}), 2);
  CHECK(diagonal.shape == Shape{2, 4});
  CHECK(values_of(diagonal) == std::vector<float>{1, 2, 0, 0, 0, 0, 1, 2});
}

TEST_CASE("weights are cut, stacked and summed, however many rows are asked for at once") {
  const Weight matrix = constant({3, 2}, {1, 2, 3, 4, 5, 6});
  const Weight other = constant({1, 2}, {7, 8});
  const Weight cut = row_range(matrix, 1, 2);
  CHECK(cut.shape == Shape{2, 2});
  CHECK(values_of(cut) == std::vector<float>{3, 4, 5, 6});
  const Weight all = stacked({cut, other, matrix});
  CHECK(all.shape == Shape{6, 2});
  CHECK(values_of(all) == std::vector<float>{3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6});
  std::vector<float> some(8);
  all.rows(1, 4, some);
  CHECK(some == std::vector<float>{5, 6, 7, 8, 1, 2, 3, 4});
  CHECK(values_of(sum(matrix, matrix)) == std::vector<float>{2, 4, 6, 8, 10, 12});
  CHECK_THROWS_AS(row_range(matrix, 2, 2), std::logic_error);
  CHECK_THROWS_AS(stacked({matrix, constant({1}, {1})}), std::logic_error);
  CHECK_THROWS_AS(sum(matrix, other), std::logic_error);
}

TEST_CASE("weights are the same if all their values are") {
  const Weight matrix = constant({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(same_values(matrix, matrix));
  CHECK_FALSE(same_values(matrix, constant({3, 2}, {1, 2, 3, 4, 5, 7})));
  CHECK_FALSE(same_values(matrix, constant({2, 3}, {1, 2, 3, 4, 5, 6})));
}

TEST_CASE("a message names the file, the tensor, what was expected and what was found") {
  const TempFolder folder;
  const std::string path =
      folder.write("a.safetensors",
                   CheckpointBuilder().add("blocks.0.w", {3, 2}).add("blocks.11.w", {2}).bytes());
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(path);
  WeightReader weights(*checkpoint);

  CHECK_FAILS_WITH(weights("b", {2}), "'b'");
  CHECK_FAILS_WITH(weights("b", {2}), path);
  CHECK_FAILS_WITH(weights("blocks.0.w", {2, 3}),
                   path + ": tensor 'blocks.0.w' should have the shape [2, 3], found [3, 2]");
  CHECK(weights.matrix_shape("blocks.0.w") == Shape{3, 2});
  CHECK_FAILS_WITH(weights.matrix_shape("blocks.11.w"), "should be a matrix");
  CHECK(weights.count_layers("blocks.") == 12);

  const auto nothing_known = [](const std::string&) { return false; };
  weights("blocks.0.w", {3, 2});
  CHECK_FAILS_WITH(weights.require_all_used(nothing_known), "'blocks.11.w'");
  weights.ignore("blocks.11.w");
  CHECK_NOTHROW(weights.require_all_used(nothing_known));
}

}  // namespace
}  // namespace linnet::convert
