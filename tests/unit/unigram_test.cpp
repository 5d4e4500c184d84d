#include "runtime/text/unigram.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "runtime/text/utf8.h"
#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using Ids = std::vector<int32_t>;
using test::OpenTokenizer;

std::string unigram_json(const std::string& vocab, const std::string& more = "",
                         const std::string& options = "") {
  return R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], )" + vocab + "]" +
         options + "}" + more + "}";
}

const char* const kLetters = R"(["a", 0.0], ["b", 0.0], ["c", 0.0], ["d", 0.0], ["cd", 1.0],
    ["ab", 2.0], ["abc", 5.0], ["abcd", 10.0])";

}  // namespace

TEST_CASE("of all ways to cut a piece the likeliest is taken") {
  const OpenTokenizer tokenizer(unigram_json(kLetters));
  CHECK(tokenizer.encode("abcdacdxx") == Ids{8, 1, 5, 0});  // as SentencePiece's own tests have it
  CHECK(tokenizer.encode("abcd") == Ids{8});
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("unknown characters next to each other are one unknown token") {
  const OpenTokenizer tokenizer(unigram_json(kLetters));
  CHECK(tokenizer.encode("xyzaéé") == Ids{0, 1, 0});
  CHECK(tokenizer.encode("<unk>a") == Ids{0, 1});
  CHECK(tokenizer.encode("x<unk>a") == Ids{0, 1});
}

TEST_CASE("unknown characters become the tokens of their bytes where all of them are there") {
  const char* bytes = R"(["a", -1.0], ["<0xC3>", -2.0], ["<0xA9>", -2.0], ["<0x78>", -2.0])";
  const OpenTokenizer tokenizer(unigram_json(bytes, "", R"(, "byte_fallback": true)"));
  CHECK(tokenizer.encode("aéx") == Ids{1, 2, 3, 4});
  CHECK(tokenizer.encode("éy") == Ids{0});  // one run, and y's byte is not there
  const OpenTokenizer without(unigram_json(bytes));
  CHECK(without.encode("aéx") == Ids{1, 0});
}

TEST_CASE("of two tokens with the same text the last counts") {
  const OpenTokenizer tokenizer(unigram_json(R"(["a", -1.0], ["a", -9.0], ["aa", -15.0])"));
  CHECK(tokenizer.encode("aa") == Ids{3});
  CHECK(tokenizer.encode("a") == Ids{2});
}

TEST_CASE("the best path is the one that trying all of them finds") {
  std::mt19937 random(3);
  std::map<std::string, double> scores = {{"a", -2.0}, {"b", -2.5}};
  std::uniform_real_distribution<double> score(-9, -1);
  for (const char* token : {"aa", "ab", "ba", "bb", "aab", "bab", "abba", "bbb"}) {
    scores[token] = score(random);
  }
  std::string vocab;
  for (const auto& [token, value] : scores) {
    vocab += (vocab.empty() ? "" : ", ") + ("[\"" + token + "\", " + std::to_string(value) + "]");
  }
  const OpenTokenizer tokenizer(unigram_json(vocab));
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (size_t i = 1 + random() % 10; i > 0; --i) text += random() % 2 != 0 ? 'a' : 'b';
    std::vector<double> best(text.size() + 1, -std::numeric_limits<double>::infinity());
    best[0] = 0;
    for (size_t end = 1; end <= text.size(); ++end) {
      for (const auto& [token, value] : scores) {
        const bool fits =
            token.size() <= end && text.compare(end - token.size(), token.size(), token) == 0;
        if (fits) best[end] = std::max(best[end], best[end - token.size()] + value);
      }
    }
    double sum = 0;
    for (const std::string& token : tokenizer.pieces(text)) sum += scores.at(token);
    // std::to_string keeps six digits of each score.
    CHECK(sum == doctest::Approx(best.back()).epsilon(1e-6));
  }
}

TEST_CASE("Metaspace marks the beginnings of words, and its decoder takes the marks away") {
  const auto with = [](const std::string& options) {
    const std::string section = R"({"type": "Metaspace", "replacement": "▁")" + options + "}";
    return unigram_json(R"(["▁a", -1.0], ["▁", -2.0], ["a", -3.0], ["▁▁", -9.0])",
                        R"(, "pre_tokenizer": )" + section + R"(, "decoder": )" + section +
                            R"(, "added_tokens": [{"id": 9, "content": "<s>", "special": true}])");
  };
  const OpenTokenizer always(with(R"(, "prepend_scheme": "always", "split": true)"));
  CHECK(always.encode("a a") == Ids{1, 1});
  CHECK(always.encode(" a") == Ids{1});
  CHECK(always.encode("  a") == Ids{2, 1});
  CHECK(always.encode("a<s>a") == Ids{1, 9, 1});
  CHECK(always.decode({1, 1, 9, 1}) == "a a<s> a");
  CHECK(always.decode({2, 1}) == " a");
  const OpenTokenizer first(with(R"(, "prepend_scheme": "first", "split": true)"));
  CHECK(first.encode("a<s>a") == Ids{1, 9, 3});
  CHECK(first.encode("<s>a a") == Ids{9, 3, 1});
  const OpenTokenizer never(with(R"(, "prepend_scheme": "never")"));
  CHECK(never.encode("a a") == Ids{3, 1});
  CHECK(never.decode({1, 1}) == " a a");
  // Older files say it so; unsplit, two marks are a token.
  const OpenTokenizer older(with(R"(, "add_prefix_space": false, "split": false)"));
  CHECK(older.encode("a") == Ids{3});
  CHECK(older.encode("a  ") == Ids{3, 2, 2});
}

TEST_CASE("scores must be there for every token that can be found") {
  auto tables = convert::parse_hf_tokenizer(unigram_json(kLetters), "x");
  Tokenizer tokenizer;
  tables.scores.pop_back();
  const TokenizerData short_of_one = tables.view();
  CHECK(tokenizer.open(short_of_one).failed());
  tables = convert::parse_hf_tokenizer(unigram_json(kLetters), "x");
  tables.unknown_id = -1;
  const TokenizerData no_unknown = tables.view();
  CHECK(tokenizer.open(no_unknown).failed());
}

TEST_CASE("scores that are no numbers do no harm") {
  auto tables = convert::parse_hf_tokenizer(unigram_json(kLetters), "x");
  for (const double odd : {std::nan(""), std::numeric_limits<double>::infinity(), -1e308}) {
    tables.scores.assign(tables.scores.size(), odd);
    CHECK(!OpenTokenizer(tables).encode("abcdé").empty());
  }
}

}  // namespace linnet
