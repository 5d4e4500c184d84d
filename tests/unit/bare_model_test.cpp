#include "tools/linnet/bare_model.h"

#include <doctest/doctest.h>

#include <cmath>
#include <linnet/linnet.hpp>
#include <span>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tools/linnet/bare_speed.h"
#include "tools/linnet/matrix_products.h"

namespace linnet::cli {
namespace {

struct Seen {
  std::vector<std::string> kinds;
  std::vector<std::string> names;
};

Seen operators_of(Session& session, std::span<const int32_t> tokens, float* logits) {
  Seen seen;
  session.on_operator(
      [](const linnet_operator_run* run, void* context) {
        auto& all = *static_cast<Seen*>(context);
        all.kinds.emplace_back(run->kind);
        all.names.emplace_back(run->name);
      },
      &seen);
  REQUIRE(session.run(tokens, logits).ok());
  return seen;
}

bool is_product(const std::string& kind) {
  return kind == "Linear" || kind == "GroupedLinear" || kind == "MixtureOfExperts" ||
         kind == "Quantize";
}

std::vector<std::string> products_among(const Seen& seen) {
  std::vector<std::string> products;
  for (size_t i = 0; i < seen.kinds.size(); ++i) {
    if (is_product(seen.kinds[i])) products.push_back(seen.names[i]);
  }
  return products;
}

}  // namespace

TEST_CASE("a bare model has the products of its model, and inputs for them, and nothing else") {
  // With mixtures of experts and with block-diagonal matrices, too.
  for (const char* folder : {"golden/hf/qwen3_5_text", "golden/ref/rwkv7_pth",
                             "golden/hf/qwen3_next", "golden/hf/recurrent_gemma"}) {
    for (const char* weights : {"f32", "int8"}) {
      CAPTURE(folder);
      CAPTURE(weights);
      const test::GoldenModel golden(folder, weights);
      const std::vector<FileLine> bytes = bare_model(ModelFile(golden.path()));
      Model bare;
      const auto opened = bare.borrow(std::as_bytes(std::span(bytes)));
      REQUIRE_MESSAGE(opened.ok(), opened.message());
      // As much is packed, so as much is read of every matrix.
      CHECK(bare.describe().packed_bytes == golden.model().describe().packed_bytes);
      CHECK(bare.describe().vocabulary == golden.vocabulary());

      Session of_model;
      Session of_bare;
      REQUIRE(of_model.open(golden.model()).ok());
      REQUIRE(of_bare.open(bare).ok());
      std::vector<float> logits(golden.vocabulary());
      const std::vector<int32_t> tokens = {1, 2, 3, 15};
      const Seen all = operators_of(of_model, tokens, logits.data());
      const Seen seen = operators_of(of_bare, tokens, logits.data());
      CHECK(products_among(seen) == products_among(all));
      for (const std::string& kind : seen.kinds) {
        const bool expected = is_product(kind) || kind == "Embedding" || kind == "LastRows";
        CHECK_MESSAGE(expected, kind);
      }
      for (const float logit : logits) CHECK(std::isfinite(logit));
      CHECK(std::abs(logits[0]) > 0);
    }
  }
}

TEST_CASE("a bare model is hardly larger than its largest matrix") {
  const test::GoldenModel golden("models/linnet-4m", "f32");
  const ModelFile file(golden.path());
  uint64_t largest = 0;
  for (const MatrixProduct& product : matrix_products(file)) {
    largest = std::max(largest, product.bytes);
  }
  CHECK(bare_model(file).size() * sizeof(FileLine) < largest + largest / 8);
}

TEST_CASE("bare speeds are measured for every prompt and for decoding") {
  const test::GoldenModel golden("golden/hf/qwen3_5_text", "int8");
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 4;
  const BareSpeeds speeds =
      measure_bare_products(ModelFile(golden.path()), options, {3, 9}, 5, /*repeats=*/2);
  REQUIRE(speeds.prefill.size() == 2);
  CHECK(speeds.prefill[1].tokens == 9);
  CHECK(speeds.decode.tokens == 5);
  for (const Speed& speed : {speeds.prefill[0], speeds.prefill[1], speeds.decode}) {
    CHECK(speed.min > 0);
    CHECK(std::isfinite(speed.max));
    CHECK(speed.median >= speed.min);
    CHECK(speed.median <= speed.max);
  }
}

}  // namespace linnet::cli
