#include "runtime/text/utf8_stream.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

std::string repaired(std::string_view text) {
  List<char> out;
  REQUIRE(append_repaired_utf8(text, out));
  return {out.begin(), out.end()};
}

// What comes out after each of the pushes, and at the end.
std::string stream(std::initializer_list<std::string_view> parts, const char* separator = "|") {
  Utf8Stream utf8;
  std::string all;
  for (const std::string_view part : parts) {
    List<char> out;
    REQUIRE(!utf8.push(part, out).failed());
    all += std::string(out.begin(), out.end()) + separator;
  }
  List<char> out;
  REQUIRE(!utf8.finish(out).failed());
  return all + std::string(out.begin(), out.end());
}

}  // namespace

TEST_CASE("malformed UTF-8 becomes one U+FFFD per maximal subpart") {
  CHECK(repaired("aé今😀") == "aé今😀");
  CHECK(repaired("a\xFF"
                 "b") == "a\uFFFDb");
  CHECK(repaired("\xE4\xBB") == "\uFFFD");  // cut short
  CHECK(repaired("\xE4\xBBz") == "\uFFFDz");
  CHECK(repaired("\xC0\x80") == "\uFFFD\uFFFD");                      // overlong
  CHECK(repaired("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");            // a surrogate
  CHECK(repaired("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
  CHECK(repaired("\xF0\x9F\x98\xF0\x9F\x98\x80") == "\uFFFD😀");
}

TEST_CASE("a character cut in two comes out whole") {
  CHECK(stream({"a\xC3", "\xA9z"}) == "a|éz|");
  CHECK(stream({"\xF0", "\x9F", "\x98", "\x80"}) == "|||😀|");
  CHECK(stream({"", "\xE4\xBB", "", "\x8A"}) == "|||今|");
}

TEST_CASE("bytes that can't become a character come out as they become certain") {
  CHECK(stream({"\xC3", "a"}) == "|\uFFFDa|");
  CHECK(stream({"\xF0\x9F", "\xC3", "\xA9"}) == "|\uFFFD|é|");
  CHECK(stream({"\xE4\xBB"}) == "|\uFFFD");
  CHECK(stream({"\xFF"}) == "\uFFFD|");
}

TEST_CASE("a stream gives what decoding the whole gives, however it is cut") {
  std::mt19937 random(3);
  const std::string bytes = "a\xC3\xA9\xE4\xBB\x8A\xF0\x9F\x98\x80\xFF\xED\xA0\xC0\xF4\x90";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t i = random() % 12; i > 0; --i) text += bytes[random() % bytes.size()];
    Utf8Stream utf8;
    List<char> out;
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(random() % 5, text.size() - at);
      REQUIRE(!utf8.push(std::string_view(text).substr(at, size), out).failed());
      at += size;
    }
    REQUIRE(!utf8.finish(out).failed());
    REQUIRE(std::string(out.begin(), out.end()) == repaired(text));
  }
}

}  // namespace linnet
