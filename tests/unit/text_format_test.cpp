#include "tools/linnet/text_format.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/temp_folder.h"

namespace linnet::cli {

TEST_CASE("sizes and counts are printed for people") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.00 KiB");
  CHECK(format_bytes(17'100'000) == "16.3 MiB");
  CHECK(format_bytes(uint64_t{1023} << 20) == "1.00 GiB");
  CHECK(format_bytes(UINT64_MAX).ends_with(" TiB"));
  CHECK(format_count(9999) == "9999");
  CHECK(format_count(12'345) == "12.3 k");
  CHECK(format_count(4'190'000) == "4.19 M");
  CHECK(format_count(7'000'000'000) == "7.00 G");
}

TEST_CASE("text formats any length") {
  const std::string word(2000, 'x');
  CHECK(text("<%s %d>", word.c_str(), 7) == "<" + word + " 7>");
}

TEST_CASE("ids are read in every form they are written in") {
  const std::vector<int32_t> ids = {1, 22, 333};
  CHECK(parse_ids("1 22 333") == ids);
  CHECK(parse_ids("\t1,22 ,\n333\r\n") == ids);
  CHECK(parse_ids("[1, 22, 333]\n") == ids);
  CHECK(parse_ids(" {\"ids\": [1, 22, 333]}") == ids);
  CHECK(parse_ids("").empty());
  CHECK(parse_ids(" \n").empty());
  CHECK(parse_ids("[]").empty());
}

TEST_CASE("what is not an id is named") {
  CHECK_FAILS_WITH(parse_ids("1 two 3"), "\"two\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("1 -2"), "\"-2\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("99999999999"), "\"99999999999\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("3x"), "\"3x\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("[1, -2]"), "\"-2\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("[1, 2.5]"), "\"2.5\" is not a token id");
  CHECK_FAILS_WITH(parse_ids("[1, 99999999999]"), "is not a token id");
  CHECK_FAILS_WITH(parse_ids("[1, 2"), "JSON");
  CHECK_FAILS_WITH(parse_ids("{\"id\": 3}"), "JSON");
}

}  // namespace linnet::cli
