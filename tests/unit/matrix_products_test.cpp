#include "tools/linnet/matrix_products.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/golden/golden_model.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/tiny_qwen3_5.h"
#include "tools/convert/convert.h"

namespace linnet::cli {
namespace {

/// The header of a made-up checkpoint with one gated DeltaNet layer.
ModelFile tiny_model(const std::string& weights) {
  const test::TinyQwen35 checkpoint({.layers = {"linear"}});
  const test::TempFolder folder;
  convert::ConvertOptions options;
  options.checkpoint = checkpoint.path();
  options.output = folder.file("model.linnet");
  options.weights = weights;
  convert::convert(options);
  return ModelFile(options.output);
}

// The layer's matrices: queries, keys and values 26 x 12, z 10 x 12, a and beta 2 x 12 each, out
// 12 x 10, and of the feed-forward part three of 10 x 12. The head has 20 x 12.
constexpr double layer_elements = 26 * 12 + 10 * 12 + 2 * 2 * 12 + 12 * 10 + 3 * 10 * 12;
constexpr double head_elements = 20 * 12;

}  // namespace

TEST_CASE("a prompt multiplies every token by the layers and the last one by the head") {
  const auto products = matrix_products(tiny_model("f32"));
  CHECK(operations(products, RunShape::prefill(7, 3)) == 2 * (7 * layer_elements + head_elements));
  CHECK(operations(products, RunShape::prefill(7, 7)) == 2 * (7 * layer_elements + head_elements));
}

TEST_CASE("decoding multiplies every token by everything") {
  const auto products = matrix_products(tiny_model("f32"));
  CHECK(operations(products, RunShape::decode(5)) == 2 * 5 * (layer_elements + head_elements));
}

TEST_CASE("a matrix is read once per chunk, the head's for wanted rows alone") {
  const auto products = matrix_products(tiny_model("f32"));
  const auto bytes = [&](const RunShape& run) {
    double sum = 0;
    for (const MatrixProduct& product : products) sum += bytes_read(product, run);
    return sum;
  };
  CHECK(bytes(RunShape::prefill(7, 3)) == 4 * (3 * layer_elements + head_elements));
  CHECK(bytes(RunShape::decode(5)) == 4 * 5 * (layer_elements + head_elements));
}

TEST_CASE("a token meets the experts it chooses, a chunk as many as its tokens can choose") {
  const test::GoldenModel golden("golden/hf/qwen3_next", "f32");
  const ModelFile file(golden.path());
  size_t mixtures = 0;
  for (const MatrixProduct& product : matrix_products(file)) {
    const auto& op = *main_entry(file).operators()->Get(static_cast<uint32_t>(product.index));
    const auto* mixture = op.attributes_as_MixtureOfExperts();
    if (mixture == nullptr) continue;
    ++mixtures;
    const uint64_t elements = weight_elements(file.tensor(op.inputs()->Get(1))) +
                              weight_elements(file.tensor(op.inputs()->Get(2)));
    const uint64_t experts = mixture->experts(), chosen = mixture->experts_per_token();
    REQUIRE(experts > chosen);
    CHECK(product.multiply_adds == elements / experts * chosen);
    CHECK(product.bytes == 4 * elements / experts * chosen);
    CHECK(bytes_read(product, RunShape::decode(3)) == 3.0 * static_cast<double>(product.bytes));
    CHECK(bytes_read(product, RunShape::prefill(2000, 1000)) ==
          2.0 * 4.0 * static_cast<double>(elements));
  }
  CHECK(mixtures > 0);
}

TEST_CASE("the scales of quantised matrices are read, too") {
  const ModelFile file = tiny_model("int8");
  double bytes = 0;
  double elements = 0;
  double rows = 0;
  for (const MatrixProduct& product : matrix_products(file)) {
    const auto& op = *main_entry(file).operators()->Get(static_cast<uint32_t>(product.index));
    const schema::Tensor& matrix = first_matrix(file, op);
    CHECK(op.attributes_type() == schema::Attributes::Linear);
    CHECK(product.multiply_adds == weight_elements(matrix));
    if (matrix.type() != schema::DataType::int8) continue;
    bytes += static_cast<double>(product.bytes);
    elements += static_cast<double>(product.multiply_adds);
    rows += matrix.shape()->Get(0);
  }
  CHECK(elements > 0);
  CHECK(bytes == elements + 4 * rows);
}

}  // namespace linnet::cli
