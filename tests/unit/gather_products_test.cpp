#include "tools/convert/passes/gather_products.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/passes/quantize.h"

namespace linnet::convert {
namespace {

struct Fixture {
  Graph graph;
  GraphBuilder g{graph};
  Value x = g.embedding("embedding", g.input_tokens(), g.weight("table", matrix(10)));

  static Weight matrix(int32_t rows) {
    return constant({rows, 2}, std::vector<float>(static_cast<size_t>(rows) * 2, 1.0f));
  }

  Value linear(const std::string& name, Value from, WeightRole role = WeightRole::low_rank) {
    return g.linear(name, from, matrix(2), {.role = role});
  }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const Operator& op : graph.decode.operators) found.push_back(op.name);
    return found;
  }

  void gather() {
    quantize_weights(graph, WeightFormat::f16);
    gather_products(graph);
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "products come as soon as what they read is made") {
  const Value down = linear("down", x);
  linear("up", down);
  const Value doubled = g.elementwise("doubled", x).multiply(2.0f).end();
  linear("of_x", x);
  linear("of_doubled", doubled);
  linear("up_too", down);
  gather();
  CHECK(names() == Names{"embedding", "down", "of_x", "up", "up_too", "doubled", "of_doubled"});
}

TEST_CASE_FIXTURE(Fixture, "products that XNNPACK makes stay where they are") {
  linear("a", x);
  linear("exact", x, WeightRole::gate);
  g.elementwise("between", x).multiply(2.0f).end();
  linear("exact_too", x, WeightRole::gate);
  gather();
  CHECK(names() == Names{"embedding", "a", "exact", "between", "exact_too"});
}

TEST_CASE_FIXTURE(Fixture, "nothing comes from further than a layer") {
  linear("first", x);
  for (int i = 0; i < 40; ++i) g.elementwise("e" + std::to_string(i), x).add(1.0f).end();
  linear("far", x);
  const Names before = names();
  gather();
  CHECK(names() == before);
}

TEST_CASE_FIXTURE(Fixture, "no more than eight come together") {
  for (int i = 0; i < 8; ++i) linear("l" + std::to_string(i), x);
  g.elementwise("between", x).add(1.0f).end();
  linear("ninth", x);
  const Names before = names();
  gather();
  CHECK(names() == before);
}

}  // namespace linnet::convert
