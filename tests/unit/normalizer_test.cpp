#include "runtime/text/normalizer.h"

#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using convert::NormalizerRule;
using convert::TokenizerTables;

/// What the steps make of a text, and whether its beginning is still that of the text.
struct Normalized {
  std::string text;
  bool at_start = true;
};

Normalized normalize(const TokenizerTables& tables, std::string_view text) {
  const TokenizerData data = tables.view();
  Normalizer normalizer;
  REQUIRE(!normalizer.open(data).failed());
  NormalizerScratch scratch;
  Normalized out;
  REQUIRE(!normalizer.apply(scratch, text, out.at_start).failed());
  out.text = text;
  return out;
}

Normalized normalize(const std::vector<NormalizerRule>& rules, std::string_view text) {
  TokenizerTables tables;
  tables.normalizers = rules;
  return normalize(tables, text);
}

std::string of_section(const std::string& section, std::string_view text) {
  return normalize(convert::parse_hf_tokenizer(
                       R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
                           "normalizer": )" +
                           section + "}",
                       "x"),
                   text)
      .text;
}

/// A charsmap that replaces "a" by "bc" and "e" followed by U+0301 by "é": units of a double array
/// laid out by hand. A unit is its label, a flag for a leaf (bit 8) and the offset (from bit 10).
TokenizerTables charsmap() {
  TokenizerTables tables;
  tables.normalizers = {{.kind = NormalizerKind::charsmap}};
  const auto unit = [](uint32_t label, uint32_t offset, bool leaf) {
    return label | (leaf ? 1u << 8 : 0) | offset << 10;
  };
  tables.charsmap_trie.assign(1024, 0);
  auto& trie = tables.charsmap_trie;
  const auto child = [](uint32_t base, uint32_t byte) { return base ^ byte; };
  const auto put = [&](uint32_t at, uint32_t byte, uint32_t base, bool leaf) {
    trie[at] = unit(byte, at ^ base, leaf);  // a unit's offset leads from it to its children
  };
  trie[0] = unit(0, 256, false);
  put(child(256, 'a'), 'a', 512, true);
  trie[512] = 0x80000000u | 0;  // the replacement at 0
  put(child(256, 'e'), 'e', 768, false);
  put(child(768, 0xCC), 0xCC, 600, false);
  put(child(600, 0x81), 0x81, 520, true);
  trie[520] = 0x80000000u | 3;
  const std::string text("bc\0é\0", 6);
  tables.charsmap_text.assign(text.begin(), text.end());
  return tables;
}

}  // namespace

TEST_CASE("the steps run one after another") {
  CHECK(of_section(R"({"type": "Sequence", "normalizers": [{"type": "NFD"},
    {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Strip"},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": "_"},
    {"type": "Replace", "pattern": {"String": "b_"}, "content": "."},
    {"type": "Prepend", "prepend": ">"}]})",
                   " \u00c4B \t\u3000Ç\n") == ">a.c");
}

TEST_CASE("normal forms of compatibility unfold") {
  CHECK(of_section(R"({"type": "NFKC"})", "\uFB01\u00BD e\u0301") == "fi1\u20442 \u00E9");
  CHECK(of_section(R"({"type": "NFKD"})", "\uFF21\u00E9") == "Ae\u0301");
  CHECK(of_section(R"({"type": "NFC"})", "\uFB01e\u0301") == "\uFB01\u00E9");
  CHECK(of_section(R"({"type": "NFD"})", "\uAC01") == "\u1100\u1161\u11A8");
}

TEST_CASE("lower case is a character's own, but for I with a dot") {
  CHECK(of_section(R"({"type": "Lowercase"})", "\u00c4\u0130\u03a3\u1e9e") ==
        "\u00e4i\u0307\u03c3\u00df");
}

TEST_CASE("nothing is put before a text that has become empty") {
  CHECK(of_section(R"({"type": "Sequence", "normalizers": [{"type": "Strip"},
    {"type": "Prepend", "prepend": "x"}]})",
                   "  ")
            .empty());
}

TEST_CASE("only one side is stripped where that is said") {
  CHECK(of_section(R"({"type": "Strip", "strip_left": true, "strip_right": false})", " a ") ==
        "a ");
  CHECK(of_section(R"({"type": "Strip", "strip_left": false, "strip_right": true})",
                   "\u3000a\u2003") == "\u3000a");
}

TEST_CASE("SentencePiece's nmt drops controls and makes breaks spaces") {
  CHECK(of_section(R"({"type": "Nmt"})", "a\u0001\u007fb\nc\u200bd\u2581e") == "ab c d e");
}

TEST_CASE("a charsmap replaces a short grapheme as a whole, else its characters") {
  CHECK(normalize(charsmap(), "xaxe\u0301").text == "xbcx\u00e9");
  CHECK(normalize(charsmap(), "ee").text == "ee");
  // The rule for "a" fits the beginning of the grapheme, which goes as a whole.
  CHECK(normalize(charsmap(), "a\u0301").text == "bc");
  // Six bytes and more are looked at by character: the rule for e with an accent is not found.
  CHECK(normalize(charsmap(), "a\u0301\u0301\u0301").text == "bc\u0301\u0301\u0301");
  CHECK(normalize(charsmap(), "e\u0301\u0301\u0301").text == "e\u0301\u0301\u0301");
}

TEST_CASE("a charsmap that points outside itself is read within it") {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    TokenizerTables tables = charsmap();
    for (int i = 0; i < 20; ++i) {
      tables.charsmap_trie[random() % 1024] = static_cast<uint32_t>(random());
    }
    tables.charsmap_trie.resize(random() % 1024);
    tables.charsmap_text.resize(random() % 7);
    normalize(tables, "xaxe\u0301 \u00e9\u65e5");
  }
}

TEST_CASE("a text whose first character goes no longer begins where it did") {
  const auto begins = [](NormalizerKind kind, std::string_view text) {
    return normalize(std::vector<NormalizerRule>{{.kind = kind}}, text).at_start;
  };
  CHECK(begins(NormalizerKind::strip_left, "a "));
  CHECK(!begins(NormalizerKind::strip_left, " a"));
  CHECK(begins(NormalizerKind::strip_right, " a "));
  CHECK(!begins(NormalizerKind::bert_clean, "\u0001a"));
  CHECK(begins(NormalizerKind::bert_clean, "\ta"));
  CHECK(!begins(NormalizerKind::nmt, "\u0001a"));
  CHECK(!begins(NormalizerKind::strip_accents, "\u0301a"));
  const auto replaced = [](const std::string& pattern, const std::string& content) {
    return normalize(
               std::vector<NormalizerRule>{{NormalizerKind::replace_matches, pattern, content}},
               "  a")
        .at_start;
  };
  CHECK(replaced(" ", "_"));
  CHECK(!replaced(" +", "_"));
  CHECK(!replaced(" ", ""));
  CHECK(replaced("a", ""));
}

TEST_CASE("precompiled_charsmap is taken apart, and refused where its parts don't fit") {
  const auto section = [](const std::string& map) {
    return R"({"type": "Precompiled", "precompiled_charsmap": ")" + map + R"("})";
  };
  CHECK(of_section(section("BAAAAAAAAAAA"), "abc") == "abc");  // one empty unit, one empty text
  CHECK_THROWS_AS(of_section(section("CAAAAAAAAAA="), "abc"), std::runtime_error);
  CHECK_THROWS_AS(of_section(section("AQA="), "abc"), std::runtime_error);
  CHECK_THROWS_AS(of_section(section("!"), "abc"), std::runtime_error);
}

}  // namespace linnet
