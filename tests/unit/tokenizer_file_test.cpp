// A tokenizer with steps, scores and templates of its own, in a model file and out of it again.
#include <doctest/doctest.h>

#include <linnet/linnet.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tests/unit/text_builder.h"
#include "tools/convert/convert.h"
#include "tools/linnet/open_model.h"

namespace linnet {
namespace {

using Ids = std::vector<int32_t>;

// The charsmap has no rules; all that matters here is that its two parts come back.
const char* const kUnigram = R"({
  "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": [["<unk>", 0.0],
    ["</s>", 0.0], ["▁a", -1.5], ["b", -2.25], ["▁", -3.0], ["<0xC3>", -9.0], ["<0xA9>", -9.0]]},
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAAA"}, {"type": "Lowercase"},
    {"type": "Replace", "pattern": {"Regex": "x+"}, "content": "b"}]},
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
  "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}},
             {"Sequence": {"id": "B", "type_id": 1}},
             {"SpecialToken": {"id": "</s>", "type_id": 1}}],
    "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}})";

class ModelWith {
 public:
  explicit ModelWith(const std::string& tokenizer) {
    convert::ConvertOptions options;
    options.checkpoint = std::string(LINNET_TEST_DIR) + "/golden/ref/ulmfit_lm";
    options.output = folder_.file("model.linnet");
    options.vocabulary = folder_.write("tokenizer.json", tokenizer);
    convert::convert(options);
    cli::require(model_.open(options.output.c_str()));
  }

  Ids encode(std::string_view text, bool special = false) const {
    Ids ids;
    cli::require(model_.tokenize(text, special, &ids));
    return ids;
  }

  std::string decode(const Ids& ids) const {
    std::string text;
    cli::require(model_.detokenize(ids, true, &text));
    return text;
  }

  const Model& model() const { return model_; }

 private:
  test::TempFolder folder_;
  Model model_;
};

}  // namespace

TEST_CASE("a unigram tokenizer does in a model file what it does outside") {
  const ModelWith file(kUnigram);
  const test::OpenTokenizer outside{std::string(kUnigram)};
  for (const char* text : {"a b", "Ab é", "xxxa xA", "", "☃ a"}) {
    CAPTURE(text);
    CHECK(file.encode(text) == outside.encode(text));
    CHECK(file.encode(text, true) == outside.encode(text, true));
    CHECK(file.decode(file.encode(text)) == outside.decode(outside.encode(text)));
  }
  CHECK(file.encode("Axx é") == Ids{2, 3, 4, 5, 6});
  CHECK(file.decode({2, 3, 4, 5, 6}) == "ab é");
}

TEST_CASE("a pair of texts comes out of a model file with its token types") {
  const ModelWith file(kUnigram);
  Ids ids;
  Ids types;
  const std::string_view second = "a";
  cli::require(file.model().tokenize_pair("ab", &second, true, &ids, &types));
  CHECK(ids == Ids{2, 3, 1, 2, 1});
  CHECK(types == Ids{0, 0, 0, 1, 1});
  cli::require(file.model().tokenize_pair("ab", nullptr, false, &ids, &types));
  CHECK(ids == Ids{2, 3});
  CHECK(types == Ids{0, 0});
}

TEST_CASE("a WordPiece tokenizer does in a model file what it does outside") {
  const std::string json = R"({"model": {"type": "WordPiece", "unk_token": "?",
      "continuing_subword_prefix": "@", "max_input_chars_per_word": 4,
      "vocab": {"?": 0, "a": 1, "@b": 2, "é": 3}},
      "normalizer": {"type": "BertNormalizer", "strip_accents": false},
      "pre_tokenizer": {"type": "BertPreTokenizer"},
      "decoder": {"type": "WordPiece", "prefix": "@"}})";
  const ModelWith file(json);
  CHECK(file.encode("AB a É abbbb") == Ids{1, 2, 1, 3, 0});
  CHECK(file.decode({1, 2, 1, 3}) == "ab a é");
}

}  // namespace linnet
