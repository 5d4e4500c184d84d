// fastai's AWD-LSTM classifier against its own logits and pooled features. Its language model is
// among the cases of language_model_test.cpp. Tolerances as there.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/diff_documents.h"
#include "tools/linnet/open_model.h"

namespace linnet {
namespace {

constexpr double reference_tolerance = 1e-3;
// Other tiles of the matrix products for another number of rows.
constexpr double batch_tolerance = 1e-4;
// A random model 56 wide, see language_model_test.cpp.
constexpr double int8_tolerance = 0.1;

const char* const cases[] = {"golden/ref/ulmfit_classifier", "golden/documents/ulmfit_recent",
                             "golden/documents/ulmfit_deep"};

class ConvertedClassifier {
 public:
  ConvertedClassifier(const std::string& folder, const std::string& weights) {
    convert::ConvertOptions options;
    options.checkpoint = std::string(LINNET_TEST_DIR) + "/" + folder;
    options.output = folder_.file("model.linnet");
    options.weights = weights;
    convert::convert(options);
    cli::require(model_.open(options.output.c_str()));
    expected_ = options.checkpoint + "/expected.safetensors";
  }

  const Model& model() const { return model_; }

  cli::DocumentComparison compare(uint32_t threads = 1) const {
    cli::ReferenceFile reference(expected_);
    auto found = cli::compare_documents(model_, reference, threads);
    CHECK(reference.unread().empty());
    return found;
  }

 private:
  test::TempFolder folder_;
  Model model_;
  std::string expected_;
};

/// The first output, logits, of texts that go in together.
std::vector<float> logits_of(const Model& model, const std::vector<int32_t>& tokens,
                             const std::vector<size_t>& lengths, uint32_t threads) {
  linnet_session_options options = linnet_session_options_defaults();
  options.chunk = static_cast<uint32_t>(tokens.size());
  options.threads = threads;
  Session session;
  cli::require(session.open(model, options));
  cli::require(session.encode({tokens.data(), nullptr, nullptr, lengths.data(), lengths.size()}));
  linnet_output output = {};
  cli::require(session.output(0, &output));
  REQUIRE(output.per_text);
  REQUIRE(output.rows == lengths.size());
  return {output.values, output.values + output.rows * output.columns};
}

}  // namespace

TEST_CASE("ULMFiT: f32 weights reproduce the classifier's logits and pooled features") {
  for (const std::string folder : cases) {
    CAPTURE(folder);
    const ConvertedClassifier classifier(folder, "f32");
    for (const uint32_t threads : {1U, 2U}) {
      const auto found = classifier.compare(threads);
      CHECK(found.outputs.size() >= 2);
      CHECK(found.relative_difference() < reference_tolerance);
      CHECK(found.relative_in_batch() < batch_tolerance);
      CHECK(found.argmax_agreement() == 1.0);
    }
  }
}

TEST_CASE("ULMFiT: a classifier has its labels, or numbers where it has none") {
  const auto label = [](const ConvertedClassifier& classifier, size_t index) {
    return std::string(linnet_model_label(classifier.model().get(), index));
  };
  const ConvertedClassifier named(cases[1], "f32");
  REQUIRE(named.model().describe().labels == 3);
  CHECK(label(named, 0) == "bad");
  CHECK(label(named, 2) == "good");
  CHECK(named.model().describe().label_function == LINNET_LABEL_SOFTMAX);
  const ConvertedClassifier unnamed(cases[0], "f32");
  REQUIRE(unnamed.model().describe().labels == 4);
  CHECK(label(unnamed, 3) == "LABEL_3");
  // y_range makes numbers of the logits.
  CHECK(ConvertedClassifier(cases[2], "f32").model().describe().label_function ==
        LINNET_LABEL_NONE);
}

TEST_CASE("ULMFiT: quantised weights stay near the reference") {
  for (const std::string weights : {"f16", "int8"}) {
    CAPTURE(weights);
    const auto found = ConvertedClassifier(cases[0], weights).compare();
    CHECK(found.relative_difference() < int8_tolerance);
    CHECK(found.relative_in_batch() < 1e-3);  // rows that are rounded may round to the next step
  }
}

TEST_CASE("ULMFiT: texts of a batch do not see each other, however many there are") {
  const ConvertedClassifier classifier("golden/ref/ulmfit_classifier", "f32");
  std::vector<int32_t> tokens;
  std::vector<size_t> lengths = {5, 1, 9, 3, 1, 14, 2, 7, 6, 11, 4};  // more than step side by side
  for (const size_t length : lengths) {
    for (size_t i = 0; i < length; ++i) {
      tokens.push_back(static_cast<int32_t>(2 + (i * 31 + length * 7) % 90));
    }
  }
  for (const uint32_t threads : {1U, 2U}) {
    const std::vector<float> batch = logits_of(classifier.model(), tokens, lengths, threads);
    const size_t classes = batch.size() / lengths.size();
    size_t first = 0;
    for (size_t text = 0; text < lengths.size(); ++text) {
      CAPTURE(text);
      const std::vector<int32_t> alone(
          tokens.begin() + static_cast<ptrdiff_t>(first),
          tokens.begin() + static_cast<ptrdiff_t>(first + lengths[text]));
      const auto logits = logits_of(classifier.model(), alone, {lengths[text]}, threads);
      for (size_t i = 0; i < classes; ++i) {
        CHECK(batch[text * classes + i] == doctest::Approx(logits[i]).epsilon(batch_tolerance));
      }
      first += lengths[text];
    }
  }
}

}  // namespace linnet
