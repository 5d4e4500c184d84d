// Converted checkpoints against logits of the original implementations. The references were
// computed in float32 and move by up to 5e-5 between their own parallel and recurrent forms; 1e-3
// of the logits' scale leaves room for another order of summation and nothing more.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/golden/golden_model.h"
#include "tools/linnet/logits.h"

namespace {

using linnet::cli::equal_argmax_rows;
using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::GoldenModel;

constexpr double reference_tolerance = 1e-3;
// The same weights in another order of summation, such as other GEMM tiles for other chunk sizes.
constexpr double chunk_tolerance = 1e-4;
// The same where activations are rounded: what differs in the last bit of a sum may round to the
// next step.
constexpr double int8_chunk_tolerance = 1e-3;

constexpr double random_int8_tolerance = 0.5;

constexpr const char* f32_cases[] = {
    "models/linnet-4m",
    "golden/hf/falcon_h1",
    "golden/hf/granitemoehybrid",
    "golden/hf/lfm2",
    "golden/hf/mamba",
    "golden/hf/mamba2",
    "golden/hf/minimax",
    "golden/hf/olmo_hybrid",
    "golden/hf/qwen3_5_nested",
    "golden/hf/qwen3_5_text",
    "golden/hf/qwen3_next",
    "golden/hf/recurrent_gemma",
    "golden/hf/rwkv",
    "golden/hf/xlstm",
    "golden/ref/fla_delta_net",
    "golden/ref/fla_gated_deltanet",
    "golden/ref/fla_gla",
    "golden/ref/fla_gsa",
    "golden/ref/fla_hgrn2",
    "golden/ref/fla_kda",
    "golden/ref/fla_linear_attn",
    "golden/ref/fla_mamba2",
    "golden/ref/fla_retnet",
    "golden/ref/fla_rwkv7",
    "golden/ref/rwkv4_pth",
    "golden/ref/rwkv5_pth",
    "golden/ref/rwkv6_pth",
    "golden/ref/rwkv7_pth",
    "golden/ref/gopher_like",
    "golden/hf/gemma3_text",
    "golden/hf/gpt2",
    "golden/hf/gpt2_hubnames",
    "golden/hf/gpt_neo",
    "golden/hf/gpt_neox",
    "golden/hf/llama",
    "golden/hf/mistral",
    "golden/hf/qwen2",
    "golden/hf/qwen3",
    "golden/ref/ulmfit_lm",
};

}  // namespace

TEST_CASE("f32 weights reproduce the reference's logits and greedy tokens") {
  for (const std::string folder : f32_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const std::vector<float> logits = golden.run(/*chunk=*/128);
    const double scale = largest_magnitude(golden.logits());
    CHECK(largest_difference(logits, golden.logits()) < reference_tolerance * scale);
    CHECK(golden.continue_greedily(/*chunk=*/16) == golden.greedy());
  }
}

TEST_CASE("logits do not depend on how tokens are cut into chunks, nor on threads") {
  for (const std::string folder : f32_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const std::vector<float> at_once = golden.run(/*chunk=*/128);
    const double allowed = chunk_tolerance * largest_magnitude(at_once);
    for (const uint32_t chunk : {1U, 2U, 7U, 16U}) {
      CAPTURE(chunk);
      CHECK(largest_difference(golden.run(chunk), at_once) < allowed);
      CHECK(largest_difference(golden.run(chunk, /*threads=*/2), at_once) < allowed);
    }
  }
}

TEST_CASE("int8 weights keep the likeliest token of a trained model") {
  const GoldenModel golden("models/linnet-4m", "int8");
  const std::vector<float> logits = golden.run(/*chunk=*/32);
  const size_t equal = equal_argmax_rows(logits, golden.logits(), golden.vocabulary());
  CHECK(equal * 100 >= golden.tokens().size() * 95);
}

TEST_CASE("int8 weights keep most of the likeliest tokens even of models that learnt nothing") {
  // Where no token stands out, an error of a few percent of the logits' scale swaps close ones; and
  // random weights have more outliers in a row than trained ones, and tiny widths average out less.
  for (const std::string folder : f32_cases) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "int8");
    const std::vector<float> logits = golden.run(/*chunk=*/128);
    const double scale = largest_magnitude(golden.logits());
    CHECK(largest_difference(logits, golden.logits()) < random_int8_tolerance * scale);
    const size_t equal = equal_argmax_rows(logits, golden.logits(), golden.vocabulary());
    CHECK(equal * 100 >= golden.tokens().size() * 70);
    for (const uint32_t chunk : {1U, 7U}) {
      CAPTURE(chunk);
      CHECK(largest_difference(golden.run(chunk), logits) < int8_chunk_tolerance * scale);
    }
  }
}

TEST_CASE("a sliding window keeps its size whatever the session's context") {
  const GoldenModel golden("golden/hf/recurrent_gemma", "f32");
  const double scale = largest_magnitude(golden.logits());
  const std::vector<float> small = golden.run(/*chunk=*/8, /*threads=*/1, /*context=*/1);
  CHECK(largest_difference(small, golden.logits()) < reference_tolerance * scale);
  CHECK_FALSE(golden.model().describe().has_context_limit);
}

TEST_CASE("a context as long as the text sees all of it, a shorter one the last tokens only") {
  const GoldenModel golden("golden/hf/qwen3_5_text", "f32");
  const double scale = largest_magnitude(golden.logits());
  const auto length = static_cast<uint32_t>(golden.tokens().size());
  const std::vector<float> full = golden.run(/*chunk=*/8, /*threads=*/1, /*context=*/length);
  CHECK(largest_difference(full, golden.logits()) < reference_tolerance * scale);
  const std::vector<float> cut = golden.run(/*chunk=*/8, /*threads=*/1, /*context=*/8);
  const size_t shared = 8 * golden.vocabulary();
  const std::span<const float> beginning(cut.data(), shared);
  CHECK(largest_difference(beginning, std::span(golden.logits()).first(shared)) <
        reference_tolerance * scale);
  CHECK(largest_difference(cut, golden.logits()) > reference_tolerance * scale);
  const std::vector<float> cut_stepwise = golden.run(/*chunk=*/1, /*threads=*/1, /*context=*/8);
  CHECK(largest_difference(cut, cut_stepwise) < chunk_tolerance * scale);
}
