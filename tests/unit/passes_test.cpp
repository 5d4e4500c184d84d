#include "runtime/exec/passes.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/api/handles.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/passes/quantize.h"
#include "tools/convert/writer.h"

namespace linnet::convert {
namespace {

// Wide enough for several threads, with rows that differ.
constexpr int32_t kWidth = 192;

struct Fixture {
  Model model;
  GraphBuilder g{model.graph};
  std::mt19937 random{1};
  Value x;
  test::TempFolder folder;
  linnet_model* opened = nullptr;
  linnet_message why = {};

  Fixture() {
    x = g.embedding("embedding", g.input_tokens(), g.weight("table", values({kWidth, kWidth})));
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { linnet_model_close(opened); }

  Weight values(const Shape& shape) {
    size_t count = 1;
    for (const int32_t size : shape) count *= static_cast<size_t>(size);
    std::vector<float> made(count);
    for (float& value : made) value = std::uniform_real_distribution<float>(-1, 1)(random);
    return constant(shape, made);
  }

  Value shift(const std::string& name, Value from) {
    return g.token_shift(name, from, {"y"}, {values({kWidth})}).front();
  }
  Value conv(const std::string& name, Value from) {
    return g.causal_conv(name, from, values({4, kWidth}), schema::Activation::silu);
  }
  Value norm(const std::string& name, Value from) {
    return g.norm(name, from, {.kind = schema::NormKind::rms, .groups = 1, .epsilon = 1e-5f});
  }
  Value add(const std::string& name, Value from, Value other) {
    return g.elementwise(name, from).add(other).end();
  }

  void open(Value last) {
    g.output(g.last_rows("last", last));
    model.graph.vocabulary = kWidth;
    const std::string path = folder.file("model.linnet");
    write_model(model, path);
    const linnet_status status = linnet_model_open(path.c_str(), nullptr, &opened, &why);
    REQUIRE_MESSAGE(status == LINNET_OK, why.text);
  }

  /// The last operator of the pass that each operator is in, and its lag.
  std::vector<std::pair<size_t, size_t>> passes() const {
    Array<PassPlace> places;
    REQUIRE_FALSE(plan_passes(opened->model->graph(), &places).failed());
    std::vector<std::pair<size_t, size_t>> found;
    for (const PassPlace& place : places) found.emplace_back(place.end - 1, place.lag);
    return found;
  }

  /// Logits of every token. With `alone`, every operator goes over the chunk alone.
  std::vector<float> run(uint32_t chunk, uint32_t threads, bool alone) {
    linnet_session_options options = linnet_session_options_defaults();
    options.chunk = chunk;
    options.threads = threads;
    options.all_logits = true;
    linnet_session* session = nullptr;
    linnet_status status = linnet_session_open(opened, &options, nullptr, &session, &why);
    REQUIRE_MESSAGE(status == LINNET_OK, why.text);
    if (alone)
      linnet_session_on_operator(
          session, [](const linnet_operator_run*, void*) {}, nullptr);
    std::vector<int32_t> tokens(450);
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 7 % kWidth);
    std::vector<float> logits(tokens.size() * kWidth);
    status = linnet_run(session, tokens.data(), tokens.size(), logits.data(), &why);
    REQUIRE_MESSAGE(status == LINNET_OK, why.text);
    linnet_session_close(session);
    return logits;
  }

  void check_same_as_alone() {
    for (const uint32_t chunk : {1U, 3U, 97U, 450U}) {
      // Of this chunk: XNNPACK multiplies a single row in another order than many.
      const std::vector<float> expected = run(chunk, 1, /*alone=*/true);
      for (const uint32_t threads : {1U, 2U, 3U}) {
        CAPTURE(threads);
        CAPTURE(chunk);
        CHECK(run(chunk, threads, /*alone=*/false) == expected);
      }
    }
  }
};

using Passes = std::vector<std::pair<size_t, size_t>>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "neighbours that work row by row share a pass, and change no bit") {
  const Value normed = norm("norm", x);
  open(add("residual", x, conv("conv", shift("shift", normed))));
  // The embedding, then four operators: rows wait for one, and then four, before them; the head.
  CHECK(passes() == Passes{{0, 0}, {4, 0}, {4, 1}, {4, 4}, {4, 4}, {5, 0}});
  check_same_as_alone();
}

TEST_CASE_FIXTURE(Fixture, "rows made before a pass are looked back at without waiting") {
  const Value shifted = shift("shift", x);
  open(norm("norm", add("residual", shifted, x)));
  CHECK(passes() == Passes{{0, 0}, {3, 0}, {3, 0}, {3, 0}, {4, 0}});
  check_same_as_alone();
}

TEST_CASE_FIXTURE(Fixture, "products that do not read each other's results run as one") {
  const Value a = g.linear("a", x, values({kWidth, kWidth}), {.role = WeightRole::low_rank});
  const Value b = g.linear("b", x, values({40, kWidth}),
                           {.activation = schema::Activation::tanh, .role = WeightRole::low_rank});
  const Value c = g.linear("c", b, values({kWidth, 40}), {.role = WeightRole::low_rank});
  const Value d = g.linear("d", x, values({kWidth, kWidth}), {.role = WeightRole::gate});
  quantize_weights(model.graph, WeightFormat::f16);
  open(add("sum", add("part", a, c), d));
  // `c` reads `b`, and `d` is f32, which XNNPACK multiplies by.
  CHECK(passes() == Passes{{0, 0}, {2, 0}, {2, 0}, {3, 0}, {4, 0}, {6, 0}, {6, 0}, {7, 0}});
  check_same_as_alone();
}

TEST_CASE_FIXTURE(Fixture, "two operators of one state are not in one pass") {
  const Value first = shift("shift", x);
  const Value second = shift("again", first);
  auto& operators = model.graph.decode.operators;
  operators.back().inputs[1] = operators[operators.size() - 2].inputs[1];
  open(second);
  CHECK(passes() == Passes{{0, 0}, {1, 0}, {2, 0}, {3, 0}});
}

}  // namespace linnet::convert
