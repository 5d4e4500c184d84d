// Transformer-XL's segments: a session with room for one segment and its memory gives what the
// original gives when it is fed segment after segment, however the tokens are cut into chunks.

#include <doctest/doctest.h>

#include <string>

#include "tests/golden/golden_model.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/reference_file.h"

namespace {

using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::test::GoldenModel;

// As in language_model_test.cpp.
constexpr double reference_tolerance = 1e-3;
constexpr double chunk_tolerance = 1e-4;

std::vector<float> segmented_logits(const std::string& folder, const GoldenModel& golden) {
  linnet::cli::ReferenceFile reference(std::string(LINNET_TEST_DIR) + "/" + folder +
                                       "/expected.safetensors");
  return reference.matrix("logits_segmented", golden.tokens().size(), golden.vocabulary());
}

}  // namespace

TEST_CASE("segments with a memory, whatever the chunks") {
  for (const std::string folder :
       {"golden/ref/gopher_like", "golden/variants/transformer_xl_post_norm",
        "golden/variants/transformer_xl_same_length", "golden/variants/transformer_xl_no_memory"}) {
    CAPTURE(folder);
    const GoldenModel golden(folder, "f32");
    const std::vector<float> expected = segmented_logits(folder, golden);
    const double scale = largest_magnitude(expected);
    const uint32_t context = golden.model().describe().context;
    const std::vector<float> at_once = golden.run(/*chunk=*/64, /*threads=*/1, context);
    CHECK(largest_difference(at_once, expected) < reference_tolerance * scale);
    for (const uint32_t chunk : {1U, 5U, 12U}) {
      CAPTURE(chunk);
      const std::vector<float> in_chunks = golden.run(chunk, /*threads=*/2, context);
      CHECK(largest_difference(in_chunks, at_once) < chunk_tolerance * scale);
    }
  }
}

TEST_CASE("a longer context is a longer memory, up to the whole text") {
  const std::string folder = "golden/ref/gopher_like";
  const GoldenModel golden(folder, "f32");
  const auto length = static_cast<uint32_t>(golden.tokens().size());
  const double scale = largest_magnitude(golden.logits());
  const std::vector<float> whole = golden.run(/*chunk=*/7, /*threads=*/1, /*context=*/length);
  CHECK(largest_difference(whole, golden.logits()) < reference_tolerance * scale);
  // The first segment sees nothing that a memory could have lost.
  const auto first = std::span(golden.logits()).first(12 * golden.vocabulary());
  const std::vector<float> segments = golden.run(/*chunk=*/7, /*threads=*/1, /*context=*/32);
  CHECK(largest_difference(std::span(segments).first(first.size()), first) <
        reference_tolerance * scale);
  CHECK(largest_difference(segments, golden.logits()) > reference_tolerance * scale);
}

TEST_CASE("a context that reaches beyond the position keys is refused by its size") {
  const GoldenModel golden("golden/ref/gopher_like", "f32");
  linnet_session_options options = linnet_session_options_defaults();
  options.context = 2049;
  linnet::Session session;
  const linnet::Result opened = session.open(golden.model(), options);
  CHECK(opened.status == LINNET_INVALID_ARGUMENT);
  CHECK(std::string(opened.message()).find("a context of at most 2048 tokens") !=
        std::string::npos);
}
