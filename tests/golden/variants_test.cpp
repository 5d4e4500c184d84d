// Small checkpoints with options that the reference cases do not have, against plain loops over the
// published equations: variants/make_variants.py wrote both.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/golden/golden_model.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::GoldenModel;

// The loops are in double precision; what is left are the roundings of a few layers.
constexpr double tolerance = 2e-5;

std::vector<std::string> variants() {
  std::vector<std::string> names;
  const std::string parent = "golden/variants";
  for (const auto& entry : std::filesystem::directory_iterator(LINNET_TEST_DIR + ("/" + parent))) {
    if (!std::filesystem::exists(entry.path() / "config.json")) continue;
    names.push_back(parent + "/" + entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("every option of the converted families does what the equations say") {
  const std::vector<std::string> names = variants();
  REQUIRE(names.size() > 30);
  for (const std::string& name : names) {
    CAPTURE(name);
    const GoldenModel golden(name, "f32");
    const double allowed = tolerance * largest_magnitude(golden.logits());
    CHECK(largest_difference(golden.run(/*chunk=*/128), golden.logits()) < allowed);
    CHECK(largest_difference(golden.run(/*chunk=*/7, /*threads=*/2), golden.logits()) < allowed);
    CHECK(largest_difference(golden.run(/*chunk=*/1), golden.logits()) < allowed);
    CHECK(golden.continue_greedily(/*chunk=*/16) == golden.greedy());
  }
}

TEST_CASE("every variant runs with int8 weights") {
  for (const std::string& name : variants()) {
    CAPTURE(name);
    const GoldenModel golden(name, "int8");
    const std::vector<float> logits = golden.run(/*chunk=*/7);
    CHECK(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
    // Models as narrow as these average out little of the error of a weight.
    CHECK(largest_difference(logits, golden.logits()) < largest_magnitude(golden.logits()));
  }
}
