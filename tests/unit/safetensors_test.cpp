#include "tools/convert/formats/safetensors.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/safetensors_builder.h"

namespace linnet::convert {
namespace {

using test::header_entry;
using test::safetensors;
using test::TempFolder;

const std::string kFloats = test::bytes_of_all(std::vector<float>{1, 2, 3, 4, 5, 6});

std::unique_ptr<Checkpoint> open_bytes(const TempFolder& folder, const std::string& bytes) {
  return open_checkpoint(folder.write("model.safetensors", bytes));
}

/// Opens a file of one tensor with these header fields and 24 bytes of data.
void open_entry(const TempFolder& folder, const std::string& dtype, const std::string& shape,
                const std::string& offsets) {
  open_bytes(folder, safetensors("{" + header_entry("w", dtype, shape, offsets) + "}", kFloats));
}

}  // namespace

TEST_CASE("safetensors: tensors are listed and read") {
  const TempFolder folder;
  const std::string header = R"({"__metadata__":{"format":"pt"},)" +
                             header_entry("w", "F32", "[2,3]", "[0,24]") + "," +
                             header_entry("n", "I64", "[]", "[24,32]") + "," +
                             header_entry("z", "F16", "[0,7]", "[32,32]") + "}   ";
  const auto checkpoint =
      open_bytes(folder, safetensors(header, kFloats + test::bytes_of(int64_t{-5})));
  CHECK(checkpoint->files() == std::vector{folder.file("model.safetensors")});
  CHECK(checkpoint->tensors().size() == 3);
  CHECK(checkpoint->tensor("w").shape_text() == "[2, 3]");
  CHECK(checkpoint->tensor("w").elements() == 6);
  CHECK(checkpoint->read("w") == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(checkpoint->tensor("n").type == StoredType::i64);
  CHECK(checkpoint->read_integers("n") == std::vector<int64_t>{-5});
  CHECK(checkpoint->read("z").empty());
  CHECK(!checkpoint->contains("__metadata__"));
}

TEST_CASE("safetensors: a header without tensors is a checkpoint without tensors") {
  const TempFolder folder;
  CHECK(open_bytes(folder, safetensors("{}", ""))->tensors().empty());
}

TEST_CASE("safetensors: a type that cannot be read is listed, and named when it is read") {
  const TempFolder folder;
  const auto checkpoint = open_bytes(
      folder, safetensors("{" + header_entry("w", "F8_E4M3", "[24]", "[0,24]") + "}", kFloats));
  CHECK(checkpoint->tensor("w").type == StoredType::other);
  CHECK_FAILS_WITH(checkpoint->read("w"), "tensor 'w'");
  CHECK_FAILS_WITH(checkpoint->read("w"), "found F8_E4M3");
  CHECK_FAILS_WITH(checkpoint->read_integers("w"), "found F8_E4M3");
}

TEST_CASE("safetensors: a header length that lies is refused") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_bytes(folder, ""), "too short");
  CHECK_FAILS_WITH(open_bytes(folder, "1234567"), "too short");
  for (const uint64_t length :
       {uint64_t{3}, uint64_t{100'000'001}, ~uint64_t{0}, uint64_t{1} << 63}) {
    CHECK_FAILS_WITH(open_bytes(folder, test::bytes_of(length) + "{}"),
                     "found a length of " + std::to_string(length));
  }
}

TEST_CASE("safetensors: a header that is not an object of tensors is refused") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_bytes(folder, safetensors("", "")), "not a JSON object");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors("[]", "")), "not a JSON object");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors(" {}", "")), "not a JSON object");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors("{", "")), "not valid JSON");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors(R"({"w":1})", "")), "'w': its header entry");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors(R"({"w":{}})", "")), "'w': no string 'dtype'");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors(R"({"w":{"dtype":"F32"}})", "")), "list 'shape'");
  const std::string entry = header_entry("w", "F32", "[6]", "[0,24]");
  CHECK_FAILS_WITH(open_bytes(folder, safetensors("{" + entry + "," + entry + "}", kFloats)),
                   "the key 'w' twice");
}

TEST_CASE("safetensors: numbers that are not sizes are refused") {
  const TempFolder folder;
  for (const char* shape :
       {"[-6]", "[6.0]", "[\"6\"]", "[NaN]", "[null]", "[18446744073709551616]"}) {
    CHECK_FAILS_WITH(open_entry(folder, "F32", shape, "[0,24]"), "non-negative integer");
  }
  for (const char* offsets : {"[0]", "[0,24,48]", "[24,0]", "[0,25]", "[0,18446744073709551615]"}) {
    CHECK_FAILS_WITH(open_entry(folder, "F32", "[6]", offsets), "do not lie in the 24 bytes");
  }
}

TEST_CASE("safetensors: a shape that does not match its bytes is refused") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[5]", "[0,24]"), "does not match its 24 bytes");
  CHECK_FAILS_WITH(open_entry(folder, "F64", "[6]", "[0,24]"), "does not match its 24 bytes");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[0]", "[0,24]"), "does not match its 24 bytes");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[4611686018427387910]", "[0,24]"), "does not match");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[4294967296,4294967296]", "[0,24]"), "too large");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[0,4294967296,4294967296]", "[0,0]"), "too large");
  std::string ones = "[1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  CHECK_FAILS_WITH(open_entry(folder, "F32", ones + "]", "[0,4]"), "65 dimensions");
}

TEST_CASE("safetensors: overlaps, holes and bytes of no tensor are refused") {
  const TempFolder folder;
  const auto open_two = [&](const std::string& a, const std::string& b) {
    open_bytes(folder, safetensors("{" + header_entry("a", "U8", "[12]", a) + "," +
                                       header_entry("b", "U8", "[12]", b) + "}",
                                   kFloats));
  };
  open_two("[12,24]", "[0,12]");
  CHECK_FAILS_WITH(open_two("[0,12]", "[11,23]"), "tensor 'b': overlaps");
  CHECK_FAILS_WITH(open_two("[0,12]", "[0,12]"), "overlaps");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[5]", "[4,24]"), "leaves a hole");
  CHECK_FAILS_WITH(open_entry(folder, "F32", "[5]", "[0,20]"), "end at offset 20 of 24");
}

TEST_CASE("safetensors: a file cut off anywhere or with any byte changed never crashes") {
  const TempFolder folder;
  const std::string good =
      safetensors("{" + header_entry("w", "F32", "[2,3]", "[0,24]") + "}", kFloats);
  for (size_t length = 0; length < good.size(); ++length) {
    CHECK_FAILS_WITH(open_bytes(folder, good.substr(0, length)), "model.safetensors");
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ change);
      test::message_of([&] {
        const auto checkpoint = open_bytes(folder, bad);
        for (const auto& [name, tensor] : checkpoint->tensors()) checkpoint->read(name);
      });
    }
  }
}

}  // namespace linnet::convert
