#include "tools/linnet/graph_text.h"

#include <doctest/doctest.h>

namespace linnet::cli {
namespace {

OperatorText step(const std::string& layer, const std::string& kind) {
  return {layer, "step", kind, "[T, 4] -> [T, 4]"};
}

}  // namespace

TEST_CASE("equal layers that follow each other are shown once") {
  const auto blocks =
      fold_layers({step("", "Embedding"), step("layers.0", "FastWeight"),
                   step("layers.0", "Linear"), step("layers.1", "FastWeight"),
                   step("layers.1", "Linear"), step("layers.2", "SoftmaxAttention"),
                   step("layers.3", "FastWeight"), step("layers.3", "Linear"), step("", "Linear")});
  REQUIRE(blocks.size() == 5);
  CHECK(blocks[0].title.empty());
  CHECK(blocks[1].title == "layers 0..1");
  CHECK(blocks[1].operators.size() == 2);
  CHECK(blocks[2].title == "layers 2");
  CHECK(blocks[2].same_as.empty());
  CHECK(blocks[3].title == "layers 3");
  CHECK(blocks[3].same_as == "layers 0..1");
  CHECK(blocks[4].operators.front().kind == "Linear");
}

TEST_CASE("layers of different shapes are not folded") {
  auto wide = step("layers.1", "Linear");
  wide.flow = "[T, 8] -> [T, 4]";
  const auto blocks = fold_layers({step("layers.0", "Linear"), wide});
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[1].same_as.empty());
}

TEST_CASE("a graph without layers is one block") {
  CHECK(fold_layers({step("", "A"), step("", "B")}).size() == 1);
  CHECK(fold_layers({}).empty());
}

}  // namespace linnet::cli
