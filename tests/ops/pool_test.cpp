// Pooling of the texts of a batch, and columns side by side, through graphs as small as can be.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/writer.h"

namespace linnet::convert {
namespace {

using schema::PoolKind;

constexpr int32_t kIds = 7;
constexpr int32_t kWidth = 3;

/// Token t has the row (t, -t, t^2).
Weight table() {
  std::vector<float> values;
  for (int32_t t = 0; t < kIds; ++t) {
    for (const int32_t value : {t, -t, t * t}) values.push_back(static_cast<float>(value));
  }
  return constant({kIds, kWidth}, values);
}

/// What the kind makes of a column of a text, by its definition.
double reference(PoolKind kind, const std::vector<double>& x) {
  double sum = 0, weighted = 0, weights = 0;
  for (size_t t = 0; t < x.size(); ++t) {
    const auto position = static_cast<double>(t + 1);
    sum += x[t];
    weighted += position * x[t];
    weights += position;
  }
  const auto count = static_cast<double>(x.size());
  switch (kind) {
    case PoolKind::first:
      return x.front();
    case PoolKind::last:
      return x.back();
    case PoolKind::mean:
      return sum / count;
    case PoolKind::max:
      return *std::max_element(x.begin(), x.end());
    case PoolKind::mean_sqrt_length:
      return sum / std::sqrt(count);
    case PoolKind::weighted_mean:
      return weighted / weights;
  }
  return 0;
}

constexpr PoolKind kKinds[] = {PoolKind::first,
                               PoolKind::last,
                               PoolKind::mean,
                               PoolKind::max,
                               PoolKind::mean_sqrt_length,
                               PoolKind::weighted_mean};

TEST_CASE("each kind of pooling is what it says, for every text of a batch, and they concatenate") {
  Model model;
  GraphBuilder g(model.graph);
  g.begin(EntryKind::encode);
  const Value x = g.embedding("embedding", g.input_tokens(), g.weight("table", table()));
  std::vector<Value> pooled;
  for (const PoolKind kind : kKinds)
    pooled.push_back(g.pool(schema::EnumNamePoolKind(kind), x, {kind}));
  g.output("pooled", g.concatenate("all", pooled));
  model.graph.vocabulary = kIds;
  const test::TempFolder folder;
  const std::string path = folder.file("model.linnet");
  write_model(model, path);
  linnet::Model opened;
  const auto result = opened.open(path.c_str());
  REQUIRE_MESSAGE(result.ok(), result.message());
  Session session;
  REQUIRE(session.open(opened).ok());

  const std::vector<int32_t> ids = {3, 1, 2, 6, 5, 0, 4};
  const std::vector<size_t> lengths = {3, 1, 2, 1};
  REQUIRE(session.encode({ids.data(), nullptr, nullptr, lengths.data(), lengths.size()}).ok());
  linnet_output output = {};
  REQUIRE(session.output(0, &output).ok());
  REQUIRE(output.per_text);
  REQUIRE(output.rows == lengths.size());
  REQUIRE(output.columns == std::size(kKinds) * kWidth);
  size_t first = 0;
  for (size_t text = 0; text < lengths.size(); ++text) {
    CAPTURE(text);
    for (size_t column = 0; column < output.columns; ++column) {
      CAPTURE(column);
      std::vector<double> values;
      for (size_t t = first; t < first + lengths[text]; ++t) {
        const double id = ids[t];
        const double row[] = {id, -id, id * id};
        values.push_back(row[column % kWidth]);
      }
      // Sums of a few small whole numbers, one division and one root.
      CHECK(output.values[text * output.columns + column] ==
            doctest::Approx(reference(kKinds[column / kWidth], values)).epsilon(1e-6));
    }
    first += lengths[text];
  }
}

TEST_CASE("columns of tokens stand side by side with columns of tokens alone") {
  Model model;
  GraphBuilder g(model.graph);
  g.begin(EntryKind::encode);
  const Value x = g.embedding("embedding", g.input_tokens(), g.weight("table", table()));
  CHECK_THROWS(g.concatenate("mixed", {x, g.pool("mean", x, {PoolKind::mean})}));
}

}  // namespace
}  // namespace linnet::convert
