// Encoder-decoders against the original implementations, and variants of their options against
// plain loops (variants/make_variants.py). See language_model_test.cpp for the tolerances.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/golden/seq2seq_model.h"
#include "tools/linnet/diff_seq2seq.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::Session;
using linnet::cli::LanguageModelComparison;
using linnet::test::Seq2SeqModel;

constexpr double reference_tolerance = 1e-3;
constexpr double variant_tolerance = 2e-5;  // the loops are in double precision
constexpr double chunk_tolerance = 1e-4;
constexpr double random_int8_tolerance = 0.5;

constexpr const char* cases[] = {
    "golden/hf/bart",
    "golden/hf/marian",
    "golden/hf/t5",
    "golden/ref/residual_transformer",
    "golden/ref/torch_transformer_postln",
    "golden/ref/torch_transformer_preln",
};

std::vector<std::string> variants() {
  std::vector<std::string> names;
  const std::string parent = "golden/variants/seq2seq";
  for (const auto& entry : std::filesystem::directory_iterator(LINNET_TEST_DIR + ("/" + parent))) {
    names.push_back(parent + "/" + entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_f32(const std::string& folder, double tolerance) {
  CAPTURE(folder);
  const Seq2SeqModel golden(folder, "f32");
  for (const uint32_t threads : {1U, 2U}) {
    const LanguageModelComparison found = golden.compare(/*chunk=*/7, threads);
    CHECK(found.texts.size() >= 2);
    CHECK(found.relative_difference() < tolerance);
    CHECK(found.relative_between_ways() < chunk_tolerance);
    CHECK(found.greedy_tokens > 0);
    CHECK(found.equal_greedy == found.greedy_tokens);
  }
}

}  // namespace

TEST_CASE("f32 weights reproduce an encoder-decoder's hidden states, logits and greedy tokens") {
  for (const std::string folder : cases) check_f32(folder, reference_tolerance);
}

TEST_CASE("every option of the encoder-decoder families does what the equations say") {
  const std::vector<std::string> names = variants();
  REQUIRE(names.size() >= 12);
  for (const std::string& name : names) check_f32(name, variant_tolerance);
}

TEST_CASE("int8, f16 and int4 weights run, and keep most of what the model says") {
  for (const std::string folder : cases) {
    CAPTURE(folder);
    for (const char* weights : {"int8", "f16", "int4"}) {
      CAPTURE(weights);
      const LanguageModelComparison found = Seq2SeqModel(folder, weights).compare(7, 1);
      CHECK(std::isfinite(found.largest_difference()));
      // Where no token stands out, the rounding of 4-bit weights swaps close ones.
      if (std::string(weights) == "int4") continue;
      CHECK(found.relative_difference() < random_int8_tolerance);
      CHECK(found.argmax_agreement() > 0.7);
    }
  }
}
