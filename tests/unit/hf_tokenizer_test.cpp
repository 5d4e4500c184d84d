#include "tools/convert/tokenizers/hf_tokenizer.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/unit/temp_folder.h"
#include "tests/unit/text_builder.h"

namespace linnet::convert {
namespace {

using Ids = std::vector<uint32_t>;
using test::byte_level_section;
using test::OpenTokenizer;
using test::small_tokenizer_json;

TokenizerTables parse(const std::string& sections) {
  return parse_hf_tokenizer(small_tokenizer_json(sections), "tokenizer.json");
}

std::string bpe(const std::string& vocab, const std::string& merges) {
  return R"({"pre_tokenizer": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": )" + vocab +
         R"(, "merges": )" + merges + "}}";
}

}  // namespace

TEST_CASE("tokens are stored as the bytes they stand for") {
  const auto tables = parse(byte_level_section());
  CHECK(tables.vocabulary == 14);
  CHECK(tables.bytes_of(8) == " a");
  CHECK(tables.bytes_of(12) == "é");
  CHECK(tables.bytes_of(13) == "\n");
}

TEST_CASE("a vocabulary may have holes, and tokens outside the byte alphabet") {
  const auto tables = parse_hf_tokenizer(bpe(R"({"a": 5, "｜x": 2})", "[]"), "tokenizer.json");
  CHECK(tables.vocabulary == 6);
  CHECK(tables.bytes_of(2) == "｜x");
  CHECK(tables.bytes_of(3).empty());
  CHECK(tables.tokens_by_bytes == Ids{5});
}

TEST_CASE("merges are strings or pairs; a repeated pair has its last rank") {
  const auto tables = parse_hf_tokenizer(bpe(R"({"a": 0, "b": 1, "ab": 2, "ba": 3})",
                                             R"(["#version: 0.2", ["a", "b"], "b a", "a b"])"),
                                         "tokenizer.json");
  REQUIRE(tables.merges.size() == 2);
  CHECK(tables.merges[0].rank == 2);
  CHECK(tables.merges[0].merged == 2);
  CHECK(tables.merges[1].rank == 1);
  CHECK(OpenTokenizer(tables).encode("aba") == std::vector<int32_t>{0, 3});
}

TEST_CASE("pre-tokenizers become patterns") {
  CHECK(parse(byte_level_section()).pre_tokenizers.size() == 1);
  const auto tables = parse(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": false},
    {"type": "Split", "pattern": {"String": "a.b"}, "behavior": "MergedWithNext"},
    {"type": "Split", "pattern": {"Regex": "y"}, "behavior": "Removed", "invert": true},
    {"type": "Digits", "individual_digits": true}, {"type": "Digits", "individual_digits": false},
    {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  const auto pattern = [&](size_t i) { return tables.pre_tokenizers.at(i).pattern; };
  REQUIRE(tables.pre_tokenizers.size() == 6);
  CHECK(pattern(0) == "x+");
  CHECK(pattern(1) == "a\\.b");
  CHECK(tables.pre_tokenizers[1].behavior == SplitBehavior::merged_with_next);
  CHECK(pattern(2) == "y");
  CHECK(tables.pre_tokenizers[2].behavior == SplitBehavior::removed);
  CHECK(tables.pre_tokenizers[2].invert);
  CHECK(pattern(3) == "\\p{N}");
  CHECK(pattern(4) == "\\p{N}+");
  CHECK(tables.pre_tokenizers[5].behavior == SplitBehavior::contiguous);
}

TEST_CASE("post-processors become ids around the text") {
  const auto with = [](const std::string& section) {
    return parse(byte_level_section() + R"(, "post_processor": )" + section);
  };
  auto tables = with(R"({"type": "TemplateProcessing", "single": [
    {"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
    {"SpecialToken": {"id": "y", "type_id": 0}}], "pair": [],
    "special_tokens": {"x": {"id": "x", "ids": [1, 2], "tokens": []}, "y": {"ids": [3]}}})");
  CHECK(tables.prefix_ids == Ids{1, 2});
  CHECK(tables.suffix_ids == Ids{3});
  tables = with(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
    {"type": "RobertaProcessing", "sep": ["s", 2], "cls": ["c", 0]}]})");
  CHECK(tables.prefix_ids == Ids{0});
  CHECK(tables.suffix_ids == Ids{2});
  CHECK_FAILS_WITH(with(R"({"type": "BertProcessing", "sep": ["s", 99], "cls": ["c", 0]})"),
                   "an id that no token has");
}

TEST_CASE("what is not supported is named") {
  const auto other_model = [](const std::string& model) {
    return parse_hf_tokenizer(R"({"pre_tokenizer": {"type": "ByteLevel"}, "model": )" + model + "}",
                              "dir/tokenizer.json");
  };
  CHECK_FAILS_WITH(other_model(R"({"type": "WordLevel", "vocab": {}})"),
                   "dir/tokenizer.json: model WordLevel with pre_tokenizer ByteLevel is not supp");
  CHECK_FAILS_WITH(other_model(R"({"vocab": {"a": 0}})"), "model of no type");
  CHECK_FAILS_WITH(other_model(R"({"type": "BPE", "vocab": {}, "byte_fallback": true})"),
                   "byte_fallback with pre_tokenizer ByteLevel");
  CHECK_FAILS_WITH(other_model(R"({"type": "BPE", "vocab": {}, "dropout": 0.1})"), "model.dropout");
  CHECK_FAILS_WITH(parse(R"("pre_tokenizer": {"type": "UnicodeScripts"})"),
                   "pre_tokenizer UnicodeScripts");
  CHECK_FAILS_WITH(parse(R"("pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "last"})"),
                   "prepend_scheme last");
  CHECK_FAILS_WITH(parse(byte_level_section() + R"(, "normalizer": {"type": "ByteLevel"})"),
                   "normalizer ByteLevel");
  CHECK_FAILS_WITH(parse(byte_level_section() + R"(, "decoder": {"type": "WordPiece"})"),
                   "decoder WordPiece with pre_tokenizer ByteLevel");
  CHECK_FAILS_WITH(parse(R"("decoder": {"type": "CTC"})"), "decoder CTC");
  CHECK_FAILS_WITH(parse(byte_level_section() + R"(, "post_processor": {"type": "Other"})"),
                   "post_processor Other");
}

TEST_CASE("damaged files are refused with a message") {
  const auto fails = [](const std::string& text, const char* part) {
    CHECK_FAILS_WITH(parse_hf_tokenizer(text, "t.json"), part);
  };
  fails("", "t.json: ");
  fails("[]", "t.json: an object is expected");
  fails(bpe("[]", "[]"), "model.vocab: an object is expected");
  fails(bpe("{}", "[]"), "no tokens in it");
  fails(bpe(R"({"a": -1})", "[]"), "the token id -1");
  fails(bpe(R"({"a": 4000000000})", "[]"), "the token id 4000000000");
  fails(bpe(R"({"a": 0})", R"(["a"])"), "has not two parts");
  fails(bpe(R"({"a": 0})", R"(["a b"])"), "'b' is not in model.vocab");
  fails(bpe(R"({"a": 0, "b": 1})", R"(["a b"])"), "'ab' is not in model.vocab");
  fails(bpe(R"({"a": 0})", R"([["a"]])"), "has not two parts");
  fails(bpe(R"({"a": 0})", R"([7])"), "t.json: ");
  fails(small_tokenizer_json(byte_level_section() + R"(, "added_tokens": [7])"), "t.json: ");
  CHECK_FAILS_WITH(read_hf_tokenizer("/does/not/exist/tokenizer.json"), "/does/not/exist");
}

TEST_CASE("a damaged file never does worse than fail") {
  const std::string good = small_tokenizer_json(
      byte_level_section() + R"(, "added_tokens": [{"id": 14, "content": "<a>", "special": true}],
      "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}]})");
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (size_t i = 1 + random() % 3; i > 0; --i) {
      const size_t at = random() % text.size();
      if (random() % 2 != 0) {
        text[at] = static_cast<char>(R"({}[],:"019-aĠ)"[random() % 12]);
      } else {
        text.erase(at, 1 + random() % 8);
      }
    }
    try {
      const auto tables = parse_hf_tokenizer(text, "t.json");
      const TokenizerData data = tables.view();
      Tokenizer tokenizer;
      List<int32_t> ids;
      if (!tokenizer.open(data).failed()) CHECK(!tokenizer.encode("abcd <a>é", true, ids).failed());
    } catch (const std::runtime_error&) {
    }
  }
}

TEST_CASE("a folder has tokenizer.json, or vocab.json and merges.txt") {
  const test::TempFolder folder;
  CHECK(!has_hf_tokenizer(folder.path()));
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  folder.write("merges.txt", "#version: 0.2\na b\n");
  CHECK(has_hf_tokenizer(folder.path()));
  CHECK(OpenTokenizer(read_hf_tokenizer(folder.path())).encode("ab<|endoftext|>") ==
        std::vector<int32_t>{2, 3});
  folder.write("tokenizer.json", small_tokenizer_json(byte_level_section()));
  CHECK(OpenTokenizer(read_hf_tokenizer(folder.path())).encode("abcd") == std::vector<int32_t>{7});
}

TEST_CASE("a folder may have BERT's vocab.txt, with what its configuration says") {
  const test::TempFolder folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##able\nUn\r\n<mask>\n");
  CHECK(has_hf_tokenizer(folder.path()));
  const std::vector<int32_t> lowercase = {2, 4, 5, 3};
  CHECK(OpenTokenizer(read_hf_tokenizer(folder.path())).encode("Unable", true) == lowercase);
  folder.write("tokenizer_config.json",
               R"({"do_lower_case": false, "mask_token": {"content": "<mask>"}})");
  const std::vector<int32_t> cased = {2, 6, 5, 7, 3};
  CHECK(OpenTokenizer(read_hf_tokenizer(folder.path())).encode("Unable <mask>", true) == cased);
  folder.write("vocab.txt", "a\nb\n");
  CHECK_FAILS_WITH(read_hf_tokenizer(folder.path()), "'[UNK]' is not in model.vocab");
}

}  // namespace linnet::convert
