#include "runtime/text/tokenizer.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/unit/text_builder.h"
#include "tools/convert/tokenizers/byte_tokenizer.h"

namespace linnet {
namespace {

using Ids = std::vector<int32_t>;
using test::byte_level_section;
using test::OpenTokenizer;
using test::small_tokenizer_json;

std::string with_added(const std::string& tokens, const std::string& more = "") {
  return small_tokenizer_json(byte_level_section() + R"(, "added_tokens": [)" + tokens + "]" +
                              more);
}

}  // namespace

TEST_CASE("pieces are merged by rank, the leftmost first") {
  const OpenTokenizer tokenizer(small_tokenizer_json(byte_level_section()));
  CHECK(tokenizer.encode("abcd") == Ids{7});
  CHECK(tokenizer.encode("abc") == Ids{5, 2});  // "a b" has a lower rank than "b c"
  CHECK(tokenizer.encode("ababcdbc") == Ids{5, 7, 9});
  CHECK(tokenizer.encode("b abcd") == Ids{1, 4, 7});
  CHECK(tokenizer.encode("é") == Ids{12});
  CHECK(tokenizer.encode("").empty());
  CHECK(tokenizer.decode({7, 8, 12}) == "abcd aé");
}

TEST_CASE("bytes without a token vanish, or become the unknown token") {
  CHECK(OpenTokenizer(small_tokenizer_json(byte_level_section())).encode("azb") == Ids{5});
  auto tables = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  tables.unknown_id = 3;
  CHECK(OpenTokenizer(tables).encode("azzb") == Ids{0, 3, 3, 1});
  tables.fuse_unknown = true;
  CHECK(OpenTokenizer(tables).encode("azzb") == Ids{0, 3, 1});
}

TEST_CASE("bytes that are not UTF-8 are encoded as U+FFFD") {
  auto tables = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  tables.unknown_id = 3;
  tables.fuse_unknown = true;
  const OpenTokenizer tokenizer(tables);
  CHECK(tokenizer.encode("a\xFFz") == tokenizer.encode("a\uFFFDz"));
}

TEST_CASE("added tokens are found first, the longest of the leftmost") {
  const OpenTokenizer tokenizer(with_added(R"({"id": 14, "content": "<a>", "special": true},
      {"id": 15, "content": "<a><b>", "normalized": false}, {"id": 20, "content": "d"})"));
  CHECK(tokenizer.encode("ab<a>cd") == Ids{5, 14, 2, 3});
  CHECK(tokenizer.encode("<a><b><a>") == Ids{15, 14});
  CHECK(tokenizer.decode({5, 14, 15}) == "ab<a><a><b>");
  CHECK(tokenizer.decode({5, 14, 15}, false) == "ab<a><b>");
  CHECK(tokenizer.tokenizer().is_special(14));
  CHECK(!tokenizer.tokenizer().is_special(15));
}

TEST_CASE("ids that stand for nothing decode to nothing") {
  const OpenTokenizer tokenizer(with_added(R"({"id": 20, "content": "<a>"})"));
  CHECK(tokenizer.decode({0, -1, 17, 21, 2000000000, 1}) == "ab");
}

TEST_CASE("added tokens take the white space they strip, once") {
  const OpenTokenizer tokenizer(with_added(
      R"({"id": 14, "content": "<l>", "lstrip": true}, {"id": 15, "content": "<r>", "rstrip": true})"));
  CHECK(tokenizer.encode("a \n <l> b") == Ids{0, 14, 4, 1});
  CHECK(tokenizer.encode("a <r>\u3000\n b") == Ids{0, 4, 15, 1});
  CHECK(tokenizer.encode("a<r>  <l>b") == Ids{0, 15, 14, 1});
}

TEST_CASE("a token that wants to be a single word is not found inside one") {
  const OpenTokenizer tokenizer(with_added(R"({"id": 14, "content": "cd", "single_word": true})"));
  CHECK(tokenizer.encode("a cd") == Ids{0, 4, 6});  // the model's own id for its text
  const OpenTokenizer other(with_added(R"({"id": 14, "content": "dd", "single_word": true})"));
  CHECK(other.encode("dd") == Ids{14});
  CHECK(other.encode(" dd,") == Ids{4, 14});
  CHECK(other.encode("add") == Ids{0, 3, 3});
  CHECK(other.encode("ddé") == Ids{3, 3, 12});
}

TEST_CASE("text is normalised, added tokens only where they ask for it") {
  const std::string nfc = R"(, "normalizer": {"type": "NFC"})";
  CHECK(OpenTokenizer(with_added("", nfc)).encode("e\u0301") == Ids{12});
  const OpenTokenizer raw(
      with_added(R"({"id": 14, "content": "e\u0301", "normalized": false})", nfc));
  CHECK(raw.encode("ae\u0301\u00E9") == Ids{0, 14, 12});
  const OpenTokenizer normalized(
      with_added(R"({"id": 14, "content": "e\u0301", "normalized": true})", nfc));
  CHECK(normalized.encode("ae\u0301\u00E9") == Ids{0, 14, 14});
}

TEST_CASE("a space is put before each stretch of plain text where the model wants it") {
  const OpenTokenizer tokenizer(small_tokenizer_json(
      R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true},
         "added_tokens": [{"id": 14, "content": "<a>", "special": true}])"));
  CHECK(tokenizer.encode("a") == Ids{8});
  CHECK(tokenizer.encode(" a") == Ids{8});
  CHECK(tokenizer.encode("a<a>a") == Ids{8, 14, 8});
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("a piece that is a token is not merged up where the model ignores merges") {
  auto tables = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  CHECK(OpenTokenizer(tables).encode("bc") == Ids{9});
  tables.merges.clear();
  tables.merge_offsets.assign(tables.vocabulary + 1, 0);
  CHECK(OpenTokenizer(tables).encode("abcd") == Ids{0, 1, 2, 3});
  tables.ignore_merges = true;
  CHECK(OpenTokenizer(tables).encode("abcd") == Ids{7});
}

TEST_CASE("special tokens are put around a text when asked for, also around none") {
  auto tables = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  tables.prefix_ids = {3};
  tables.suffix_ids = {2, 1};
  const OpenTokenizer tokenizer(tables);
  CHECK(tokenizer.encode("a", true) == Ids{3, 0, 2, 1});
  CHECK(tokenizer.encode("", true) == Ids{3, 2, 1});
  CHECK(tokenizer.encode("a", false) == Ids{0});
}

TEST_CASE("bytes are their own ids") {
  const OpenTokenizer tokenizer(convert::byte_tokenizer());
  CHECK(tokenizer.encode("a\xFF\n") == Ids{97, 255, 10});
  CHECK(tokenizer.decode({97, 255, 10}) == "a\xFF\n");
}

TEST_CASE("long pieces merge as short ones do") {
  const OpenTokenizer tokenizer(small_tokenizer_json(byte_level_section()));
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    // d never merges with what follows it, so that the parts can be encoded one by one.
    std::string whole;
    Ids parts;
    for (int i = 0; i < 12; ++i) {
      std::string part;
      for (size_t k = random() % 12; k > 0; --k) part += static_cast<char>("abc"[random() % 3]);
      part += 'd';
      whole += part;
      for (const int32_t id : tokenizer.encode(part)) parts.push_back(id);
    }
    CHECK(tokenizer.encode(whole) == parts);
  }
  CHECK(tokenizer.encode(std::string(1 << 20, 'a')).size() == 1 << 20);
}

TEST_CASE("random bytes come back as the text they were read as") {
  const OpenTokenizer tokenizer(convert::byte_tokenizer());
  const OpenTokenizer small(with_added(R"({"id": 14, "content": "\u00e9a", "lstrip": true},
      {"id": 15, "content": " ", "rstrip": true, "normalized": true})",
                                       R"(, "normalizer":
      {"type": "NFC"})"));
  std::mt19937 random(11);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (size_t i = random() % 40; i > 0; --i) {
      text += random() % 2 != 0 ? static_cast<char>("abcd \xC3\xA9\xCC"[random() % 8])
                                : static_cast<char>(random() % 256);
    }
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
    for (const int32_t id : small.encode(text)) REQUIRE(id < 16);
  }
}

TEST_CASE("tables that point outside themselves are refused") {
  const auto good = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  const auto is_refused = [](const convert::TokenizerTables& tables) {
    Tokenizer tokenizer;
    return tokenizer.open(tables.view()).failed();
  };
  auto tables = good;
  tables.token_offsets[3] = 1000;
  CHECK(is_refused(tables));
  tables = good;
  tables.merges[0].merged = 99;
  CHECK(is_refused(tables));
  tables = good;
  tables.merge_offsets.pop_back();
  CHECK(is_refused(tables));
  tables = good;
  tables.tokens_by_bytes[0] = 99;
  CHECK(is_refused(tables));
  tables = good;
  tables.added_tokens.push_back({99});
  CHECK(is_refused(tables));
  tables = good;
  tables.pre_tokenizers = {{.pattern = "("}};
  CHECK(is_refused(tables));
  tables = good;
  tables.kind = TokenizerKind::bytes;
  CHECK(is_refused(tables));
  CHECK(is_refused(convert::TokenizerTables()));
}

TEST_CASE("steps that make a text longer and longer fail before the memory is full") {
  const auto good = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  const auto encodes = [](const convert::TokenizerTables& tables) {
    const TokenizerData data = tables.view();
    Tokenizer tokenizer;
    List<int32_t> ids;
    return !tokenizer.open(data).failed() && !tokenizer.encode("a b", false, ids).failed();
  };
  CHECK(encodes(good));
  auto tables = good;
  tables.normalizers.assign(32, {NormalizerKind::replace, "a", "aa"});
  CHECK(!encodes(tables));
  tables = good;
  tables.pre_tokenizers.assign(
      32,
      {.kind = PreTokenizerKind::metaspace, .content = "    ", .prepend = PrependScheme::never});
  CHECK(!encodes(tables));
  tables = good;
  tables.normalizers = {{.kind = NormalizerKind::prepend, .content = std::string(65, 'x')}};
  CHECK(!encodes(tables));
  tables = good;
  tables.decoders.assign(32, {.kind = DecoderKind::replace, .pattern = "a", .content = "aa"});
  const TokenizerData data = tables.view();
  Tokenizer tokenizer;
  REQUIRE(!tokenizer.open(data).failed());
  List<char> text;
  const int32_t ids[] = {0};
  CHECK(tokenizer.decode(ids, true, text).failed());
}

TEST_CASE("tables with more steps, or templates, than they may have are refused") {
  const auto good = convert::parse_hf_tokenizer(small_tokenizer_json(byte_level_section()), "x");
  const auto is_refused = [](const convert::TokenizerTables& tables) {
    const TokenizerData data = tables.view();
    Tokenizer tokenizer;
    return tokenizer.open(data).failed();
  };
  auto tables = good;
  tables.normalizers.assign(33, {});
  CHECK(is_refused(tables));
  tables = good;
  tables.decoders.assign(33, {});
  CHECK(is_refused(tables));
  tables = good;
  tables.pair = {{.id = 99}};
  CHECK(is_refused(tables));
  tables = good;
  tables.single = {{.id = -3}};
  CHECK(is_refused(tables));
  tables = good;
  tables.normalizers = {{NormalizerKind::replace_matches, "(", ""}};
  CHECK(is_refused(tables));
}

}  // namespace linnet
