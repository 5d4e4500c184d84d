#include "tools/convert/tokenizers/rwkv_vocab.h"

#include <doctest/doctest.h>

#include "tests/unit/temp_folder.h"
#include "tests/unit/text_builder.h"
#include "tools/convert/tokenizers/python_literal.h"

namespace linnet::convert {
namespace {

using Ids = std::vector<int32_t>;

constexpr char kVocab[] =
    "1 'a' 1\n2 'b' 1\n3 ' ' 1\n4 'ab' 2\n5 'abba' 4\n6 b'\\xe4\\xbb' 2\n7 '\\n' 1\n"
    "9 '今' 3\n10 \"'\" 1\n";

}  // namespace

TEST_CASE("Python's literals are read as bytes") {
  CHECK(parse_python_literal(R"('a\n\t\\\'"')") == "a\n\t\\'\"");
  CHECK(parse_python_literal(R"("it's")") == "it's");
  CHECK(parse_python_literal(R"('\x85\u4eca\U0001F600')") == "\u0085今😀");
  CHECK(parse_python_literal(R"(b'\x85\xff')") == "\x85\xFF");
  for (const char* bad : {"", "a", "'a", "'a\"", "'a'b'", R"('\q')", R"('\x4')", R"('\)", "b",
                          R"('\')", R"(b'\u0041')", R"('\ud800')"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_python_literal(bad), std::runtime_error);
  }
}

TEST_CASE("the longest token that matches is taken") {
  const test::OpenTokenizer tokenizer(parse_rwkv_vocab(kVocab, "v.txt"));
  CHECK(tokenizer.encode("abbab") == Ids{5, 2});
  CHECK(tokenizer.encode("abb a'") == Ids{4, 2, 3, 1, 10});
  CHECK(tokenizer.encode("今\xE4\xBB!") == Ids{9, 6});  // ! has no token
  CHECK(tokenizer.decode({5, 9, 0, 8, 6}) == "abba今\xE4\xBB");
}

TEST_CASE("a damaged vocabulary is refused with file and line") {
  CHECK_FAILS_WITH(parse_rwkv_vocab("1 'a' 1\n2 'b' 2\n", "v.txt"), "v.txt: line 2: ");
  CHECK_FAILS_WITH(parse_rwkv_vocab("x 'a' 1", "v.txt"), "'x' is not a number");
  CHECK_FAILS_WITH(parse_rwkv_vocab("1 'a'", "v.txt"), "v.txt: line 1: an id");
  CHECK_FAILS_WITH(parse_rwkv_vocab("99999999 'a' 1", "v.txt"), "the id is too large");
  CHECK_FAILS_WITH(parse_rwkv_vocab("", "v.txt"), "no tokens");
  CHECK_FAILS_WITH(read_rwkv_vocab("/does/not/exist"), "cannot be read");
}

}  // namespace linnet::convert
