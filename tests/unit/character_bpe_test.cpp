// Byte-pair encoding over characters, as SentencePiece's models have it in a tokenizer.json.
#include <doctest/doctest.h>

#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using Ids = std::vector<int32_t>;
using test::OpenTokenizer;

const char* const kLlama = R"(, "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";

std::string bpe_json(const std::string& options, const std::string& sections) {
  return R"({"model": {"type": "BPE", "unk_token": "<unk>", "vocab": {"<unk>": 0, "▁": 1, "a": 2,
    "b": 3, "ab": 4, "▁ab": 5, "é": 6, "<0xC3>": 7, "<0xA8>": 8, "<0x0A>": 9, "▁▁": 10},
    "merges": ["a b", "▁ ab", "▁ ▁"])" +
         options + "}" + sections + "}";
}

}  // namespace

TEST_CASE("characters are merged, and spaces are marks") {
  const OpenTokenizer tokenizer(bpe_json(R"(, "byte_fallback": true)", kLlama));
  CHECK(tokenizer.encode("ab ab") == Ids{5, 5});
  CHECK(tokenizer.encode("é ") == Ids{1, 6, 1});
  CHECK(tokenizer.encode("  ") == Ids{10, 1});
  CHECK(tokenizer.encode("").empty());
  CHECK(tokenizer.decode({5, 5}) == "ab ab");
  CHECK(tokenizer.decode({1, 5}) == " ab");  // one space goes, not all
}

TEST_CASE("a character without a token is the tokens of its bytes, if all are there") {
  const OpenTokenizer tokenizer(bpe_json(R"(, "byte_fallback": true)", kLlama));
  CHECK(tokenizer.encode("aè\n") == Ids{1, 2, 7, 8, 9});
  CHECK(tokenizer.encode("a日") == Ids{1, 2, 0});
  // An unknown token waits for the next known one, past those of bytes, as in Hugging Face's code.
  CHECK(tokenizer.encode("日\na") == Ids{1, 9, 0, 2});
}

TEST_CASE("unknown tokens in a row are one where the model fuses them") {
  CHECK(OpenTokenizer(bpe_json(R"(, "fuse_unk": true)", kLlama)).encode("日日a日") ==
        Ids{1, 0, 2, 0});
  CHECK(OpenTokenizer(bpe_json("", kLlama)).encode("日日a") == Ids{1, 0, 0, 2});
}

TEST_CASE("tokens of bytes become characters, or U+FFFD each") {
  const OpenTokenizer tokenizer(bpe_json(R"(, "byte_fallback": true)", kLlama));
  CHECK(tokenizer.decode({5, 7, 8, 9}) == "abè\n");
  CHECK(tokenizer.decode({5, 7, 9}) == "ab\uFFFD\uFFFD");
  CHECK(tokenizer.decode({7, 5, 8}) == "\uFFFD ab\uFFFD");
}

TEST_CASE("decoded token by token, bytes stay bytes and spaces stay") {
  const OpenTokenizer tokenizer(bpe_json(R"(, "byte_fallback": true)", kLlama));
  DecodeScratch scratch;
  List<char> text;
  for (const int32_t id : {5, 7, 8, 5}) {
    REQUIRE(!tokenizer.tokenizer().decode_next(id, scratch, text).failed());
  }
  CHECK(std::string(text.begin(), text.end()) == " abè ab");
}

TEST_CASE("a text without a decoder is its tokens with spaces between") {
  CHECK(OpenTokenizer(bpe_json("", "")).decode({4, 1, 2}) == "ab ▁ a");
}

TEST_CASE("an added token that is normalised is found and printed as it then is") {
  const OpenTokenizer tokenizer(bpe_json("", std::string(kLlama) + R"(, "added_tokens": [
    {"id": 11, "content": "<s>", "special": true, "normalized": true},
    {"id": 12, "content": "<t>", "special": true, "normalized": false}])"));
  CHECK(tokenizer.encode("<s>ab<t>ab") == Ids{11, 4, 12, 5});
  CHECK(tokenizer.decode({11, 5, 12}, false) == "<s> ab");  // its text is no longer the special one
  CHECK(tokenizer.decode({11, 5, 12}) == "<s> ab<t>");
}

TEST_CASE("the end of a word may have tokens of its own") {
  const OpenTokenizer tokenizer(
      R"({"model": {"type": "BPE", "end_of_word_suffix": "</w>", "unk_token": "<unk>",
    "vocab": {"<unk>": 0, "a": 1, "b": 2, "a</w>": 3, "b</w>": 4, "ab</w>": 5},
    "merges": ["a b</w>"]}, "pre_tokenizer": {"type": "WhitespaceSplit"},
    "decoder": {"type": "BPEDecoder", "suffix": "</w>"}})");
  CHECK(tokenizer.encode("ab a ba") == Ids{5, 3, 2, 3});
  CHECK(tokenizer.decode({5, 3, 2, 3}) == "ab a ba");
}

TEST_CASE("tokens may go on with a prefix of their own") {
  const OpenTokenizer tokenizer(
      R"({"model": {"type": "BPE", "continuing_subword_prefix": "##",
    "vocab": {"a": 0, "##a": 1, "##b": 2, "a##b": 3, "ab": 4, "##ab": 5},
    "merges": ["a ##b", "##a ##b"]}, "pre_tokenizer": {"type": "WhitespaceSplit"}})");
  CHECK(tokenizer.encode("ab aab") == Ids{4, 0, 5});
}

}  // namespace linnet
