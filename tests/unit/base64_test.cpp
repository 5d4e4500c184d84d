#include "tools/convert/formats/base64.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace linnet::convert {

// The examples of RFC 4648, section 10.
TEST_CASE("base64 is read with and without padding") {
  const auto text = [](const char* encoded) {
    const auto bytes = decode_base64(encoded);
    return std::string(bytes.begin(), bytes.end());
  };
  CHECK(text("").empty());
  CHECK(text("Zg==") == "f");
  CHECK(text("Zm8=") == "fo");
  CHECK(text("Zm9v") == "foo");
  CHECK(text("Zm9vYmFy") == "foobar");
  CHECK(text("Zm9vYg") == "foob");
  CHECK(text("//79") == "\xFF\xFE\xFD");
}

TEST_CASE("characters that are not base64 are refused") {
  CHECK_THROWS_AS(decode_base64("Zm9v\n"), std::runtime_error);
  CHECK_THROWS_AS(decode_base64("Z=9v"), std::runtime_error);
}

}  // namespace linnet::convert
