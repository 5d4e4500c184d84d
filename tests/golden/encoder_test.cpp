// Encoders against transformers' own outputs: hf/ has published forms of checkpoints, encoders/
// their other options (encoders/make_encoders.py). Single texts, and batches with padding.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/diff_encoder.h"
#include "tools/linnet/open_model.h"

namespace {

namespace fs = std::filesystem;
using linnet::cli::EncoderComparison;
using linnet::cli::OutputComparison;

// The references are of float32, too; the rest is another order of summation.
constexpr double reference_tolerance = 1e-4;
// A row's sums are those of the same values in the same order whether or not other rows run beside
// it, but the matrix kernels have tiles for other numbers of rows.
constexpr double batch_tolerance = 1e-5;
// Weights of 8 and 4 bits in models as narrow as these, which average out little of their errors.
constexpr double int8_tolerance = 0.1;
constexpr double int4_tolerance = 1.0;

std::vector<std::string> cases() {
  std::vector<std::string> folders;
  for (const char* name : {"bert_embed", "bert_mlm", "bert_mlm_legacy", "bert_seqcls",
                           "distilbert_mlm", "modernbert_mlm", "roberta_seqcls"}) {
    folders.push_back(std::string("golden/hf/") + name);
  }
  for (const auto& entry : fs::directory_iterator(LINNET_TEST_DIR "/golden/encoders")) {
    if (!entry.is_directory()) continue;
    folders.push_back("golden/encoders/" + entry.path().filename().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

struct Compared {
  EncoderComparison found;
  std::vector<std::string> unread;
};

Compared compare(const std::string& folder, const std::string& weights, uint32_t threads = 1) {
  const linnet::test::TempFolder temporary;
  const std::string checkpoint = std::string(LINNET_TEST_DIR) + "/" + folder;
  linnet::convert::ConvertOptions options;
  options.checkpoint = checkpoint;
  options.output = temporary.file("model.linnet");
  options.weights = weights;
  linnet::convert::convert(options);
  const linnet::Model model = linnet::cli::open_model(options.output);
  CHECK(model.describe().has_encoder);
  CHECK_FALSE(model.describe().has_decoder);
  linnet::cli::ReferenceFile reference(checkpoint + "/expected.safetensors");
  Compared compared = {linnet::cli::compare_encoder(model, reference, threads), {}};
  compared.unread = reference.unread();
  return compared;
}

}  // namespace

TEST_CASE("encoders: f32 weights reproduce every output of the reference, in batches as alone") {
  const std::vector<std::string> folders = cases();
  REQUIRE(folders.size() >= 20);
  for (const std::string& folder : folders) {
    for (const uint32_t threads : {1U, 2U}) {
      CAPTURE(folder);
      const Compared compared = compare(folder, "f32", threads);
      CHECK(compared.unread.empty());
      CHECK(compared.found.outputs.size() >= 2);
      for (const OutputComparison& output : compared.found.outputs) {
        CAPTURE(output.expected);
        CHECK(output.difference < reference_tolerance * output.scale);
        CHECK(output.alone_difference < batch_tolerance * output.scale);
      }
    }
  }
}

TEST_CASE("encoders: smaller weights keep close to the reference") {
  for (const std::string& folder : cases()) {
    CAPTURE(folder);
    CHECK(compare(folder, "f16").found.relative_difference() < 0.01);
    CHECK(compare(folder, "int8").found.relative_difference() < int8_tolerance);
    CHECK(compare(folder, "int4").found.relative_difference() < int4_tolerance);
  }
}
