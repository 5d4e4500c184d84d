#include "tools/convert/formats/json_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {

TEST_CASE("JSON is read as it stands") {
  const test::TempFolder folder;
  const auto json = read_json(
      folder.write("a.json", R"({"a": [1, -2, 3.5, true, null, "x\u00e9"], "b": {}, "c": []})"),
      1000);
  CHECK(json.dump() == R"({"a":[1,-2,3.5,true,null,"xé"],"b":{},"c":[]})");
  CHECK(parse_json(" 7 ", "x") == 7);
}

TEST_CASE("JSON may have Python's bare NaN and Infinity") {
  const auto json = parse_json(R"({"a": [0.0, Infinity, -Infinity, NaN], "b": Infinity})", "x");
  CHECK(json["a"][0].get<double>() == 0.0);
  CHECK(json["a"][1].get<double>() == INFINITY);
  CHECK(json["a"][2].get<double>() == -INFINITY);
  CHECK(std::isnan(json["a"][3].get<double>()));
  CHECK(json["b"].get<double>() == INFINITY);
}

TEST_CASE("NaN and Infinity inside strings stay text") {
  const auto json =
      parse_json(R"({"NaN": "a \"NaN\" \\", "Infinity": "-Infinity", "n": NaN})", "x");
  CHECK(json["NaN"] == "a \"NaN\" \\");
  CHECK(json["Infinity"] == "-Infinity");
  CHECK(std::isnan(json["n"].get<double>()));
}

TEST_CASE("words that only resemble numbers are refused") {
  for (const char* text : {"NaNa", "xNaN", "nan", "Inf", "--Infinity", "1NaN", "InfinityNaN",
                           "-NaN", "NaN1", "NaN.5", ".Infinity"}) {
    INFO(text);
    CHECK_FAILS_WITH(parse_json(text, "config.json"), "config.json: not valid JSON: ");
  }
}

TEST_CASE("a fault in JSON is reported with file and position") {
  const test::TempFolder folder;
  const std::string path = folder.write("bad.json", "{\n  \"a\": 1,\n  oops\n}");
  CHECK_FAILS_WITH(read_json(path, 1000), path + ": not valid JSON: ");
  CHECK_FAILS_WITH(read_json(path, 1000), "line 3, column 3");
  CHECK_FAILS_WITH(parse_json("", "x"), "x: not valid JSON");
  CHECK_FAILS_WITH(parse_json("[1] 2", "x"), "x: not valid JSON");
  CHECK_FAILS_WITH(parse_json("\"\xff\"", "x"), "x: not valid JSON");
  CHECK_FAILS_WITH(parse_json("1e999", "x"), "x: not valid JSON");
}

TEST_CASE("JSON that is too large, too deep or ambiguous is refused") {
  const test::TempFolder folder;
  const std::string path = folder.write("a.json", "[1, 2]");
  CHECK(read_json(path, 6).size() == 2);
  CHECK_FAILS_WITH(read_json(path, 5), "a.json: JSON of at most 5 bytes expected, found 6");
  const std::string deep = std::string(256, '[') + std::string(256, ']');
  CHECK(parse_json(deep, "x").is_array());
  CHECK_FAILS_WITH(parse_json("[" + deep + "]", "x"), "nested deeper than 256");
  CHECK_FAILS_WITH(parse_json(std::string(1'000'000, '['), "x"), "nested deeper than 256");
  CHECK_FAILS_WITH(parse_json(R"({"a": 1, "a": 2})", "x"), "the key 'a' twice");
  CHECK(parse_json(R"([{"a": 1}, {"a": 2}])", "x").size() == 2);
}

TEST_CASE("a file that is missing or no file is refused") {
  const test::TempFolder folder;
  CHECK_FAILS_WITH(read_json(folder.file("none.json"), 10), "none.json: cannot open: No such file");
  CHECK_FAILS_WITH(read_json(folder.path(), 10), "is not a regular file");
}

}  // namespace linnet::convert
