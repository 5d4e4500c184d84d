#include "runtime/text/word_piece.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using Ids = std::vector<int32_t>;
using test::OpenTokenizer;

std::string bert_json(const std::string& normalizer, const std::string& more = "") {
  return R"({"model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 8,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##able": 4, "##a": 5, "unable": 6,
    "##": 7, "é": 8, "e": 9, "##é": 10, ",": 11, "日": 12, "Un": 13, "##b": 14}},
    "normalizer": {"type": "BertNormalizer")" +
         normalizer + R"(}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "decoder": {"type": "WordPiece"})" +
         more + "}";
}

const char* const kCls = R"(, "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2],
    "cls": ["[CLS]", 1]})";

}  // namespace

TEST_CASE("a word is the longest token that it begins with, and continuing ones") {
  const OpenTokenizer tokenizer(bert_json(""));
  CHECK(tokenizer.encode("unable") == Ids{6});
  CHECK(tokenizer.encode("unableable") == Ids{0});  // more than 8 characters
  CHECK(tokenizer.encode("unaable") == Ids{3, 5, 4});
  CHECK(tokenizer.encode("unaba") == Ids{3, 5, 14, 5});
}

TEST_CASE("a word that can't be cut to its end is unknown as a whole") {
  const OpenTokenizer tokenizer(bert_json(""));
  CHECK(tokenizer.encode("unx") == Ids{0});
  CHECK(tokenizer.encode("un un#") == Ids{3, 3, 0});
  CHECK(tokenizer.encode("un##") == Ids{3, 0, 0});  // a prefix alone is no piece
}

TEST_CASE("length counts characters, not bytes") {
  const OpenTokenizer tokenizer(bert_json(R"(, "strip_accents": false)"));
  CHECK(tokenizer.encode("éééééééé") == Ids{8, 10, 10, 10, 10, 10, 10, 10});
  CHECK(tokenizer.encode("ééééééééé") == Ids{0});
}

TEST_CASE("BERT's normaliser cleans, sets ideographs apart, and lowercases with its accents") {
  CHECK(OpenTokenizer(bert_json("")).encode("\u00c9\u0001,\u65e5un\u00a0UN") ==
        Ids{9, 11, 12, 3, 3});
  // strip_accents follows lowercase unless it is given.
  CHECK(OpenTokenizer(bert_json(R"(, "lowercase": false)")).encode("Un é") == Ids{13, 8});
  CHECK(OpenTokenizer(bert_json(R"(, "lowercase": false, "strip_accents": true)")).encode("Un é") ==
        Ids{13, 9});
  CHECK(OpenTokenizer(bert_json(R"(, "strip_accents": false)")).encode("Un É") == Ids{3, 8});
  CHECK(OpenTokenizer(bert_json(R"(, "handle_chinese_chars": false)")).encode("日un") == Ids{0});
  CHECK(OpenTokenizer(bert_json(R"(, "clean_text": false)")).encode("un\u0001") == Ids{0});
}

TEST_CASE("words are joined by spaces, and spaces before punctuation go") {
  const OpenTokenizer tokenizer(bert_json(""));
  CHECK(tokenizer.decode({3, 5, 11, 6}) == "una, unable");
  CHECK(tokenizer.decode({4, 3}) == "##able un");  // nothing to continue
  CHECK(tokenizer.decode({}).empty());
  auto tables = convert::parse_hf_tokenizer(bert_json(""), "x");
  tables.decoders.resize(1);
  CHECK(OpenTokenizer(tables).decode({3, 11, 6}) == "un , unable");
}

TEST_CASE("a token that goes on with a text has its space") {
  const OpenTokenizer tokenizer(bert_json(""));
  DecodeScratch scratch;
  List<char> text;
  for (const int32_t id : {3, 5, 11}) {
    REQUIRE(!tokenizer.tokenizer().decode_next(id, scratch, text).failed());
  }
  CHECK(std::string(text.begin(), text.end()) == " una,");
}

TEST_CASE("a pair of texts has a type for each token") {
  const OpenTokenizer tokenizer(bert_json("", kCls));
  List<int32_t> ids;
  List<int32_t> types;
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", "unable", true}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{1, 3, 2, 6, 2});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 0, 0, 1, 1});
  ids.clear();
  types.clear();
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", "unable", true}, false, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{3, 6});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 1});
  ids.clear();
  types.clear();
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", {}, false}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{1, 3, 2});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 0, 0});
  CHECK(tokenizer.encode("un", true) == Ids{1, 3, 2});
}

TEST_CASE("without a template the second text simply follows") {
  const OpenTokenizer tokenizer(bert_json(""));
  List<int32_t> ids;
  List<int32_t> types;
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", "un", true}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{3, 3});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 1});
}

TEST_CASE("templates give the types they say, and RoBERTa's two separators") {
  List<int32_t> ids;
  List<int32_t> types;
  const OpenTokenizer tokenizer(bert_json("", R"(, "post_processor": {"type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "x", "type_id": 2}}],
    "pair": [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "x", "type_id": 3}},
    {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"x": {"ids": [2, 1]}}})"));
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", {}, false}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{3, 2, 1});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 2, 2});
  ids.clear();
  types.clear();
  REQUIRE(!tokenizer.tokenizer().encode_pair({"un", "unable", true}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{6, 2, 1, 3});
  CHECK(Ids(types.begin(), types.end()) == Ids{1, 3, 3, 0});
  const OpenTokenizer roberta(bert_json("", R"(, "post_processor": {"type": "RobertaProcessing",
    "sep": ["[SEP]", 2], "cls": ["[CLS]", 1], "trim_offsets": true, "add_prefix_space": true})"));
  ids.clear();
  types.clear();
  REQUIRE(!roberta.tokenizer().encode_pair({"un", "unable", true}, true, ids, types).failed());
  CHECK(Ids(ids.begin(), ids.end()) == Ids{1, 3, 2, 2, 6, 2});
  CHECK(Ids(types.begin(), types.end()) == Ids{0, 0, 0, 0, 0, 0});
}

TEST_CASE("the unknown token must be there") {
  CHECK_THROWS_WITH_AS(
      convert::parse_hf_tokenizer(R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})", "x"),
      doctest::Contains("'[UNK]' is not in model.vocab"), std::runtime_error);
}

}  // namespace linnet
