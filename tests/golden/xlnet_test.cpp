// XLNet against transformers: its relative positions reach to both sides, and texts of a batch and
// their token types don't mix.

#include <doctest/doctest.h>

#include <algorithm>
#include <linnet/linnet.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/reference_file.h"

namespace {

using linnet::cli::largest_difference;
using linnet::cli::largest_magnitude;
using linnet::cli::require;

// As in language_model_test.cpp.
constexpr double reference_tolerance = 1e-3;

struct Encoder {
  explicit Encoder(const std::string& weights)
      : checkpoint(std::string(LINNET_TEST_DIR) + "/golden/hf/xlnet_lm"),
        reference(checkpoint + "/expected.safetensors") {
    const std::string path = folder.file("model.linnet");
    linnet::convert::ConvertOptions options;
    options.checkpoint = checkpoint;
    options.output = path;
    options.weights = weights;
    linnet::convert::convert(options);
    require(model.open(path.c_str()));
    require(session.open(model, linnet_session_options_defaults()));
  }

  std::vector<float> encode(const linnet_texts& texts) {
    require(session.encode(texts));
    linnet_output output;
    require(session.output(0, &output));
    CHECK(std::string(output.name) == "logits");
    CHECK_FALSE(output.per_text);
    return {output.values, output.values + output.rows * output.columns};
  }

  linnet::test::TempFolder folder;
  std::string checkpoint;
  linnet::cli::ReferenceFile reference;
  linnet::Model model;
  linnet::Session session;
};

}  // namespace

TEST_CASE("XLNet reproduces the reference's logits of a text with two token types") {
  for (const std::string weights : {"f32", "f16", "int8", "int4"}) {
    CAPTURE(weights);
    Encoder encoder(weights);
    const std::vector<int32_t> tokens = encoder.reference.ids("input_ids");
    const std::vector<int32_t> types = encoder.reference.ids("token_type_ids");
    const size_t length = tokens.size();
    const std::vector<float> logits = encoder.encode({.tokens = tokens.data(),
                                                      .token_types = types.data(),
                                                      .mask = nullptr,
                                                      .lengths = &length,
                                                      .count = 1});
    const auto expected = encoder.reference.matrix("logits", length, 256);
    const double difference = largest_difference(logits, expected) / largest_magnitude(expected);
    // What quantising costs a model that learnt nothing, as language_model_test.cpp says.
    CHECK(difference < (weights == "f32" ? reference_tolerance : 0.5));
    const std::vector<int32_t> one_type(length, 1);
    const std::vector<float> of_one_type = encoder.encode({.tokens = tokens.data(),
                                                           .token_types = one_type.data(),
                                                           .mask = nullptr,
                                                           .lengths = &length,
                                                           .count = 1});
    CHECK(largest_difference(of_one_type, expected) / largest_magnitude(expected) > 0.01);
  }
}

TEST_CASE("XLNet's texts of a batch see nothing of each other, nor of padding") {
  Encoder encoder("f32");
  const std::vector<int32_t> tokens = encoder.reference.ids("input_ids");
  const std::vector<int32_t> types = encoder.reference.ids("token_type_ids");
  // 20 tokens behind 4 of padding, then the other 24.
  std::vector<uint8_t> mask(tokens.size(), 1);
  std::fill_n(mask.begin(), 4, uint8_t{0});
  const std::vector<size_t> lengths = {24, tokens.size() - 24};
  const std::vector<float> together = encoder.encode({.tokens = tokens.data(),
                                                      .token_types = types.data(),
                                                      .mask = mask.data(),
                                                      .lengths = lengths.data(),
                                                      .count = 2});
  std::vector<float> alone;
  for (const auto& [first, count] : {std::pair<size_t, size_t>{4, 20}, {24, tokens.size() - 24}}) {
    const std::vector<float> one = encoder.encode({.tokens = tokens.data() + first,
                                                   .token_types = types.data() + first,
                                                   .mask = nullptr,
                                                   .lengths = &count,
                                                   .count = 1});
    alone.insert(alone.end(), one.begin(), one.end());
  }
  REQUIRE(together.size() == alone.size());
  // The same sums, some in another order, as matrix products go by tiles of the whole batch.
  CHECK(largest_difference(together, alone) < 1e-5 * largest_magnitude(alone));
}

TEST_CASE("XLNet says how long a text it has positions for") {
  const Encoder encoder("f32");
  CHECK(encoder.model.describe().source_positions == 1024);
}
