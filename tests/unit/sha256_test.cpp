#include "tools/convert/formats/sha256.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {
namespace {

std::string hash_of(const std::string& text, size_t piece) {
  Sha256 hash;
  const auto bytes = std::as_bytes(std::span(text));
  for (size_t at = 0; at < bytes.size(); at += piece) {
    hash.update(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  }
  return hex(hash.finish());
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4, in whatever pieces the bytes come") {
  for (const size_t piece : {1, 3, 55, 64, 100, 1 << 20}) {
    CHECK(hash_of("", piece) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash_of("abc", piece) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", piece) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash_of(std::string(1'000'000, 'a'), piece) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("SHA-256 pads every length of the last block") {
  Sha256 all;
  for (size_t length = 0; length < 130; ++length) {
    const std::string digest = hash_of(std::string(length, 'x'), 1 << 20);
    all.update(std::as_bytes(std::span(digest)));
  }
  CHECK(hex(all.finish()) == "199af942eba7fa5d1e16d475169eb24018b14e69339c93d26a9ea6d873b4ace6");
}

TEST_CASE("the digest of files is that of their bytes one after another") {
  const test::TempFolder folder;
  const std::string first(3 << 20, 'p');
  const auto paths = {folder.write("a", first), folder.write("b", ""), folder.write("c", "end")};
  CHECK(hex(sha256_of_files(paths)) == hash_of(first + "end", 4096));
  CHECK_FAILS_WITH(sha256_of_files({folder.file("none")}), "none: cannot open: No such file");
}

}  // namespace linnet::convert
