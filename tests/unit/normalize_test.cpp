#include "runtime/text/normalize.h"

#include <doctest/doctest.h>

#include <string>

namespace linnet {
namespace {

std::string nfc(std::string_view text) {
  List<char> out;
  REQUIRE(!append_normalized(text, NormalForm::nfc, out).failed());
  return {out.begin(), out.end()};
}

}  // namespace

TEST_CASE("characters are composed") {
  CHECK(nfc("plain") == "plain");
  CHECK(nfc("e\u0301") == "\u00E9");
  CHECK(nfc("C\u0327a") == "\u00C7a");
  CHECK(nfc("\u1112\u1161\u11AB") == "\uD55C");  // Hangul
  CHECK(nfc("\u212B") == "\u00C5");              // a singleton
  CHECK(nfc("\u0958") == "\u0915\u093C");        // excluded from composition
}

TEST_CASE("combining marks are put in order, those of one class as they came") {
  CHECK(nfc("q\u0307\u0323") == "q\u0323\u0307");
  CHECK(nfc("q\u0301\u0302") == "q\u0301\u0302");
  CHECK(nfc("a\u0301\u0323") == "\u1EA1\u0301");
}

TEST_CASE("a long run of combining marks takes linear time") {
  std::string text = "q";
  for (int i = 0; i < 200000; ++i) text += i % 2 != 0 ? "\u0323" : "\u0307";
  CHECK(nfc(text).size() == text.size());
}

}  // namespace linnet
