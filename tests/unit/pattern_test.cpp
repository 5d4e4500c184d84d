#include "runtime/text/pattern.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using Pieces = std::vector<std::string>;
using test::split;

constexpr char kGpt2[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kQwen35[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kO200k[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kCl100k[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";
constexpr char kDeepSeek[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kBloom[] = R"( ?[^(\s|[.,!?…。，、।۔،])]+)";

bool is_refused(std::string_view pattern, const char* reason) {
  Pattern compiled;
  const Status status = compiled.compile(pattern);
  INFO(pattern << ": " << status.message());
  CHECK(std::string_view(status.message()).find(reason) != std::string_view::npos);
  return status.failed();
}

}  // namespace

TEST_CASE("the pattern of GPT-2 cuts words, numbers, signs and spaces") {
  CHECK(split(kGpt2, "It's  12 x3, ok!!\n\n end ") ==
        Pieces{"It", "'s", " ", " 12", " x", "3", ",", " ok", "!!", "\n\n", " end", " "});
  CHECK(split(kGpt2, "I'M we'll") == Pieces{"I", "'", "M", " we", "'ll"});
}

TEST_CASE("the pattern of Llama 3 folds case and takes three digits at a time") {
  CHECK(split(kLlama3, "I'M 12345 ok\r\n\r\n  x") ==
        Pieces{"I", "'M", " ", "123", "45", " ok", "\r\n\r\n", " ", " x"});
  // U+017F differs from s in case alone.
  CHECK(split(kLlama3, "a'\u017F b") == Pieces{"a", "'\u017F", " b"});
}

TEST_CASE("the pattern of Qwen 3.5 keeps marks with their letters") {
  CHECK(split(kQwen35, "e\u0301a 12") == Pieces{"e\u0301a", " ", "1", "2"});
  CHECK(split(kLlama3, "e\u0301a") == Pieces{"e", "\u0301a"});
}

TEST_CASE("the pattern of GPT-4o cuts where lower case turns into upper") {
  CHECK(split(kO200k, "camelCaseHTTP don'T 1234 a/b//\n") ==
        Pieces{"camel", "Case", "HTTP", " don'T", " ", "123", "4", " a", "/b", "//\n"});
}

TEST_CASE("the pattern of GPT-4 has possessive quantifiers") {
  CHECK(split(kCl100k, "Hello,  world 1234\n  ") ==
        Pieces{"Hello", ",", " ", " world", " ", "123", "4", "\n  "});
}

TEST_CASE("the patterns of DeepSeek and BLOOM are understood") {
  CHECK(split(kDeepSeek, "(foo) [bar]_x") == Pieces{"(foo", ")", " [", "bar", "]_", "x"});
  CHECK(split(kBloom, "ab, cd") == Pieces{"ab", ",", " cd"});
  CHECK(split("[一-龥぀-ゟ゠-ヿ]+", "ab今天cdカ") == Pieces{"ab", "今天", "cd", "カ"});
  CHECK(split(R"(\p{N}{1,3})", "a12345") == Pieces{"a", "123", "45"});
}

TEST_CASE("alternatives are tried from left to right") {
  CHECK(split("a|ab", "ab") == Pieces{"a", "b"});
  CHECK(split("ab|a", "ab") == Pieces{"ab"});
  CHECK(split("(?:a|ab)c", "abc") == Pieces{"abc"});
}

TEST_CASE("quantifiers backtrack unless they are possessive") {
  CHECK(split("a*ab", "aaab") == Pieces{"aaab"});
  CHECK(split("a*+ab", "aaab") == Pieces{"aaab"});  // never matches: one gap
  CHECK(split("x(?:a*+)ab|b", "xaab") == Pieces{"xaa", "b"});
  CHECK(split("(?>a*)b", "caab") == Pieces{"c", "aab"});
  CHECK(split("a+?", "aaa") == Pieces{"a", "a", "a"});
  CHECK(split("a+?b", "aaab") == Pieces{"aaab"});
  CHECK(split("a{2,3}?", "aaaaa") == Pieces{"aa", "aa", "a"});
  CHECK(split("a{2}", "aaaaa") == Pieces{"aa", "aa", "a"});
  CHECK(split("(?:ab){2,}", "abababx") == Pieces{"ababab", "x"});
  CHECK(split("(?:ab){1,2}?", "ababab") == Pieces{"ab", "ab", "ab"});
  CHECK(split("(?:a|b)++c", "ababc") == Pieces{"ababc"});
  CHECK(split("é+é", "éééx") == Pieces{"ééé", "x"});
  CHECK(split("a{,2}", "aaa") == Pieces{"aa", "a"});
  CHECK(split("a{x", "a{x") == Pieces{"a{x"});
  CHECK(split(R"(\d{1,3}+)", "12345a") == Pieces{"12345", "a"});  // a repeated interval
}

TEST_CASE("looking ahead takes no text") {
  CHECK(split("a(?=b)", "abac") == Pieces{"a", "bac"});
  CHECK(split("a(?!b)", "abac") == Pieces{"ab", "a", "c"});
}

TEST_CASE("anchors stand at the edges of lines") {
  CHECK(split("^a", "aa\naa") == Pieces{"a", "a\n", "a", "a"});
  CHECK(split("a$", "aa\naa") == Pieces{"a", "a", "\na", "a"});
  CHECK(split(R"(\Aa|a\z)", "aaa") == Pieces{"a", "a", "a"});
}

TEST_CASE("an empty match cuts without a piece of its own") {
  CHECK(split("b*", "aabbc") == Pieces{"a", "a", "bb", "c"});
}

TEST_CASE("classes have ranges, negation, escapes and sets within") {
  CHECK(split(R"([a-c\-\]x]+)", "zab-]xz") == Pieces{"z", "ab-]x", "z"});
  CHECK(split(R"([^\p{Lu}\s]+)", "abC d") == Pieces{"ab", "C ", "d"});
  CHECK(split(R"([\P{L}]+)", "a12b") == Pieces{"a", "12", "b"});
  CHECK(split(R"(\p{^L}+)", "a12b") == Pieces{"a", "12", "b"});
  CHECK(split(R"([\x41-\x{43}\u0044]+)", "ABCDE") == Pieces{"ABCD", "E"});
  CHECK(split("(?i)[a-c]+", "aBCd") == Pieces{"aBC", "d"});
  CHECK(split("(?i:k)", "\u212A!") == Pieces{"\u212A", "!"});
  CHECK(split(R"(\w+)", "ab_é1-x") == Pieces{"ab_é1", "-", "x"});
  CHECK(split(R"(\s+)", "a\u0085\u00A0\u3000b\u200Bc") ==
        Pieces{"a", "\u0085\u00A0\u3000", "b\u200Bc"});
  CHECK(split(".", "a\nb") == Pieces{"a", "\n", "b"});
}

TEST_CASE("patterns that are damaged or not supported are refused with the reason") {
  CHECK(is_refused("a(b", "')' is missing"));
  CHECK(is_refused("a)b", "')' without its '('"));
  CHECK(is_refused("[ab", "']' is missing"));
  CHECK(is_refused("*a", "a quantifier has nothing before it"));
  CHECK(is_refused("a{3,2}", "an interval is empty"));
  CHECK(is_refused("[b-a]", "a range runs backwards"));
  CHECK(is_refused("a\\", "a backslash ends it"));
  CHECK(is_refused(R"(\p{Han}+)", "general categories"));
  CHECK(is_refused(R"((a)\1)", "this escape is not supported"));
  CHECK(is_refused("(?<=a)b", "looking behind"));
  CHECK(is_refused("(?s:a)", "only the flag i"));
  CHECK(is_refused("[a&&b]", "&&"));
  CHECK(is_refused("(?:a?)*", "can match nothing"));
  CHECK(is_refused("\xff", "not UTF-8"));
  CHECK(is_refused("(?:(?:(?:a{9}b){999}){999}){999}", "too large"));
  CHECK(is_refused("(?:(?:(?:(?:){999}){999}){999}){999}", "too large"));
  CHECK(is_refused(std::string(1000, '('), "nested too deeply"));
  CHECK(is_refused(std::string(100000, 'a'), "bytes"));
}

TEST_CASE("a megabyte of one character is cut in linear time and little memory") {
  const size_t megabyte = 1 << 20;
  CHECK(split(kGpt2, std::string(megabyte, 'x')).size() == 1);
  CHECK(split(kLlama3, std::string(megabyte, ' ')).size() == 1);
  CHECK(split(kLlama3, std::string(megabyte, ' ') + "x").size() == 2);
  CHECK(split(kLlama3, std::string(megabyte, '1')).size() == (megabyte + 2) / 3);
  CHECK(split(kO200k, std::string(megabyte, 'X')).size() == 1);
  CHECK(split(kO200k, std::string(megabyte, '\n')).size() == 1);
}

TEST_CASE("a hostile pattern costs no more than its bounds") {
  const std::string text = std::string(2000, 'a') + "b";
  CHECK(split("(?:a+)+c", text).size() <= text.size());
  CHECK(split("(?:a|a)+c", text).size() <= text.size());
  CHECK(split("a*a*a*a*c", text).size() <= text.size());
}

TEST_CASE("random patterns and texts never break the matcher") {
  std::mt19937 random(7);
  const std::string alphabet = R"(ab'| ?*+{}1,2[]()^$.\:!=<>-spLN i)";
  const auto pick = [&](size_t n) { return random() % n; };
  for (int round = 0; round < 20000; ++round) {
    std::string pattern;
    for (size_t i = pick(14); i > 0; --i) pattern += alphabet[pick(alphabet.size())];
    if (pick(4) == 0) pattern += R"(\p{L}+)";
    Pattern compiled;
    if (compiled.compile(pattern).failed()) continue;
    std::string text;
    for (size_t i = pick(30); i > 0; --i) text += static_cast<char>("ab' 1\n\xC3\xA9"[pick(8)]);
    List<PatternChoice> choices;
    PatternSplitter splitter(compiled, text, choices);
    std::string joined;
    for (Piece piece; splitter.next(piece);) {
      REQUIRE(piece.begin < piece.end);
      joined += text.substr(piece.begin, piece.end - piece.begin);
    }
    CHECK(joined == text);
  }
}

}  // namespace linnet
