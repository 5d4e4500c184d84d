// The Linear operator, in every type of weights and for every number of rows that a tile of the
// matrix kernels may have, through a model of nothing but a table of rows and one matrix.

#include <doctest/doctest.h>
#include <linnet/measure.h>

#include <algorithm>
#include <cmath>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/ops/stored_rows.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/passes/quantize.h"
#include "tools/convert/writer.h"

namespace linnet::convert {
namespace {

constexpr int32_t kTokenRows = 40;  // more than the rows of any tile

/// logits = table[token] W^T.
struct LinearModel {
  LinearModel(WeightFormat format, int32_t inputs_, int32_t outputs_)
      : inputs(static_cast<size_t>(inputs_)),
        outputs(static_cast<size_t>(outputs_)),
        table(random_values(kTokenRows * inputs, 1)),
        matrix(random_values(inputs * outputs, 2)) {
    Model file;
    GraphBuilder g(file.graph);
    const Value rows = g.weight("table", constant({kTokenRows, inputs_}, table));
    const Value x = g.embedding("embedding", g.input_tokens(), rows);
    g.output(g.linear("logits", g.last_rows("last", x), constant({outputs_, inputs_}, matrix)));
    file.graph.vocabulary = static_cast<uint32_t>(outputs_);
    quantize_weights(file.graph, format);
    const std::string path = folder.file("linear.linnet");
    write_model(file, path, {});
    const auto opened = model.open(path.c_str());
    REQUIRE_MESSAGE(opened.ok(), opened.message());
  }

  /// Ids have to be of the vocabulary, which is the matrix's rows.
  size_t token(size_t row) const { return row % std::min<size_t>(kTokenRows, outputs); }

  /// `rows` rows of the table times the matrix, in one chunk.
  std::vector<float> run(size_t rows, uint32_t threads = 1) const {
    Session session = open_session(threads);
    return run(rows, &session);
  }

  Session open_session(uint32_t threads) const {
    linnet_session_options options = linnet_session_options_defaults();
    options.threads = threads;
    options.chunk = kTokenRows;
    options.all_logits = true;
    Session session;
    const auto opened = session.open(model, options);
    REQUIRE_MESSAGE(opened.ok(), opened.message());
    return session;
  }

  std::vector<float> run(size_t rows, Session* session) const {
    std::vector<int32_t> tokens(rows);
    for (size_t i = 0; i < rows; ++i) tokens[i] = static_cast<int32_t>(token(i));
    std::vector<float> logits(rows * outputs);
    const auto ran = session->run(tokens, logits.data());
    REQUIRE_MESSAGE(ran.ok(), ran.message());
    return logits;
  }

  test::TempFolder folder;
  size_t inputs, outputs;
  std::vector<float> table, matrix;
  linnet::Model model;
};

/// Steps that a row's range has where it is quantised: 8 bits for int4 weights, 16 for int8 ones.
double steps_of(WeightFormat format) {
  if (format == WeightFormat::int8) return 65534.0;
  return format == WeightFormat::int4 ? 255.0 : 0.0;
}

/// How far a product may be off: each value of x by half a step at most, or, where x stays f32, by
/// nothing; and the order of summation remains.
double tolerance(std::span<const float> x, std::span<const float> w, double steps) {
  double weight = 0;
  for (const float value : w) weight += std::fabs(value);
  double largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(double{value}));
  const double range = 2 * largest;
  return weight * (steps > 0 ? 0.51 * range / steps + 1e-6 : 1e-6) + 1e-5;
}

void check_products(const LinearModel& model, std::span<const float> stored, size_t rows,
                    double steps, std::span<const float> products) {
  for (size_t r = 0; r < rows; ++r) {
    const auto x = std::span(model.table).subspan(model.token(r) * model.inputs, model.inputs);
    for (size_t o = 0; o < model.outputs; ++o) {
      const auto w = stored.subspan(o * model.inputs, model.inputs);
      double expected = 0;
      for (size_t i = 0; i < w.size(); ++i) expected += double{x[i]} * double{w[i]};
      CAPTURE(r);
      CAPTURE(o);
      REQUIRE(std::fabs(products[r * model.outputs + o] - expected) <= tolerance(x, w, steps));
    }
  }
}

}  // namespace

TEST_CASE("Linear multiplies by weights of every type, whatever the rows and sizes") {
  for (const char* name : {"f32", "f16", "int8", "int4"}) {
    const WeightFormat format = weight_format(name);
    for (const int32_t inputs : {32, 64, 160, 288}) {
      for (const int32_t outputs : {1, 5, 16, 67}) {
        CAPTURE(std::string(name));
        CAPTURE(inputs);
        CAPTURE(outputs);
        const LinearModel model(format, inputs, outputs);
        const std::vector<float> stored = stored_rows(model.matrix, model.inputs, format);
        for (size_t rows = 1; rows <= kTokenRows; rows += rows < 20 ? 1 : 5) {
          CAPTURE(rows);
          check_products(model, stored, rows, steps_of(format), model.run(rows));
        }
      }
    }
  }
}

TEST_CASE("f16 and int8 rows of any length, odd ones too") {
  for (const WeightFormat format : {WeightFormat::f16, WeightFormat::int8}) {
    for (const int32_t inputs : {1, 3, 7, 15, 17, 31, 33, 255, 257, 515}) {
      CAPTURE(inputs);
      const LinearModel model(format, inputs, 6);
      const std::vector<float> stored = stored_rows(model.matrix, model.inputs, format);
      for (const size_t rows : {size_t{1}, size_t{2}, size_t{5}})
        check_products(model, stored, rows, steps_of(format), model.run(rows));
    }
  }
}

TEST_CASE("a product wakes other threads once, or not at all if it is small or there are none") {
  for (const char* name : {"f32", "f16", "int8", "int4"}) {
    CAPTURE(std::string(name));
    const auto fork_joins = [&](const LinearModel& model, uint32_t threads) {
      Session session = model.open_session(threads);
      const uint64_t before = linnet_fork_joins();
      (void)model.run(1, &session);
      return linnet_fork_joins() - before;
    };
    const LinearModel large(weight_format(name), 512, 512), small(weight_format(name), 64, 64);
    CHECK(fork_joins(large, 2) == 1);
    CHECK(fork_joins(large, 1) == 0);
    CHECK(fork_joins(small, 2) == 0);
  }
}

TEST_CASE("a row's products do not depend on the rows beside it, nor on threads") {
  // XNNPACK's f32 kernels of one row and of several may sum in another order, as they do on Arm: a
  // few units in the last place of about a hundred products. Integers sum to the same.
  const auto allowed = [](const std::string& name) { return name == "f32" ? 1e-5 : 0.0; };
  for (const char* name : {"f32", "f16", "int8", "int4"}) {
    CAPTURE(std::string(name));
    const LinearModel model(weight_format(name), 96, 67);
    const std::vector<float> all = model.run(kTokenRows);
    CHECK(model.run(kTokenRows, /*threads=*/2) == all);
    for (size_t rows = 1; rows < kTokenRows; ++rows) {
      CAPTURE(rows);
      const std::vector<float> some = model.run(rows);
      for (size_t i = 0; i < some.size(); ++i)
        REQUIRE(std::fabs(some[i] - all[i]) <= allowed(name));
    }
  }
}

}  // namespace linnet::convert
