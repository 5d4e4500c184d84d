#include "tools/convert/models/config.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {
namespace {

Config config(const char* text) { return {nlohmann::json::parse(text), "config.json"}; }

TEST_CASE("entries are read with defaults, and null counts as absent") {
  const Config c = config(R"({"size": 4, "none": null, "eps": 1e-6, "on": true, "name": "x",
                              "names": ["a", "b"], "sizes": [1, 2], "inner": {"size": 5}})");
  CHECK(c.size("size") == 4);
  CHECK(c.size("none", 7) == 7);
  CHECK(c.number("eps") == 1e-6);
  CHECK(c.number("size") == 4);
  CHECK(c.flag("on", false));
  CHECK(c.text("name", "") == "x");
  CHECK(c.texts("names") == std::vector<std::string>{"a", "b"});
  CHECK(c.sizes("sizes") == std::vector<int32_t>{1, 2});
  CHECK(c.object("inner").size("size") == 5);
  CHECK(c.object("absent").size("size", 6) == 6);
  CHECK_FALSE(c.has("none"));
}

TEST_CASE("lists of indices know their end") {
  const Config c = config(R"({"layers": [0, 3]})");
  CHECK(c.indices("layers", 4) == std::vector<int32_t>{0, 3});
  CHECK_FAILS_WITH(c.indices("layers", 3), "a list of whole numbers from 0 to 2, found [0,3]");
  for (const char* bad : {R"({"n": 1})", R"({"n": ["a"]})", R"({"n": [{"__float__": 1}]})",
                          R"({"n": [{}]})", R"({"n": [-1]})", "{}"}) {
    CHECK_FAILS_WITH(config(bad).indices("n", 9), "'n' should be a list of whole numbers");
  }
}

TEST_CASE("texts that repeat are written out, up to as many as are wanted") {
  const Config c = config(R"({"types": [[["a", "b"], 2], [["c"], 1]]})");
  CHECK(c.repeated_texts("types", 5) == std::vector<std::string>{"a", "b", "a", "b", "c"});
  CHECK_FAILS_WITH(c.repeated_texts("types", 4), "for at most 4 names, found [[");
  for (const char* bad :
       {R"({"n": 1})", R"({"n": ["a"]})", R"({"n": [[["a"]]]})", R"({"n": [[["a"], 0]]})",
        R"({"n": [[["a"], 2.5]]})", R"({"n": [["a", 2]]})", R"({"n": [[[1], 2]]})",
        R"({"n": [[[], 16777216]]})", R"({"n": [[["a"], 2, 3]]})", "{}"}) {
    CHECK_FAILS_WITH(config(bad).repeated_texts("n", 9), "'n' should be a list of [[");
  }
}

TEST_CASE("null, a word and a number can be told apart where a config means different things") {
  const Config c = config(R"({"none": null, "word": "auto", "number": 3})");
  CHECK(c.is_null("none"));
  CHECK_FALSE(c.is_null("absent"));
  CHECK_FALSE(c.is_null("number"));
  CHECK(c.is_text("word"));
  CHECK_FALSE(c.is_text("number"));
  CHECK_FALSE(c.is_text("absent"));
}

TEST_CASE("lists of numbers know infinity in transformers' spelling") {
  const Config c = config(R"({"limit": [0.5, {"__float__": "Infinity"}], "ids": [],
                              "low": [{"__float__": "-Infinity"}]})");
  CHECK(c.numbers("limit") == std::vector<double>{0.5, INFINITY});
  CHECK(c.numbers("low") == std::vector<double>{-INFINITY});
  CHECK(c.numbers("ids").empty());
  CHECK(c.numbers("limit", {0, 1}) == std::vector<double>{0.5, INFINITY});
  CHECK(c.numbers("absent", {3, 4}) == std::vector<double>{3, 4});
  CHECK_FAILS_WITH(c.numbers("limit", {1, 2, 3}), "'limit' should be a list of 3 numbers");
  for (const char* bad : {R"({"n": 1})", R"({"n": ["1"]})", R"({"n": [{"__float__": "big"}]})",
                          R"({"n": [{"__float__": 1}]})", R"({"n": [{}]})", "{}",
                          R"({"n": [{"__float__": "Infinity", "x": 1}]})"}) {
    CHECK_FAILS_WITH(config(bad).numbers("n"), "'n' should be a list of numbers");
  }
}

TEST_CASE("objects may be in a list, alone, or absent") {
  CHECK(config(R"({"n": [{"a": 1}, {"a": 2}]})").objects("n").at(1).size("a") == 2);
  CHECK(config(R"({"n": {"a": 3}})").objects("n").at(0).size("a") == 3);
  CHECK(config(R"({"n": null})").objects("n").empty());
  CHECK_FAILS_WITH(config(R"({"n": [4]})").objects("n"), "n: should be a JSON object");
}

TEST_CASE("an entry of the wrong kind is named, with what was found") {
  CHECK_FAILS_WITH(config(R"({"n": "abc"})").size("n"),
                   "config.json: 'n' should be a whole number from 1 to 16777216, found \"abc\"");
  for (const char* bad : {R"({"n": 0})", R"({"n": -1})", R"({"n": 2.5})", R"({"n": 99999999})",
                          R"({"n": 18446744073709551615})", R"({})"}) {
    CHECK_FAILS_WITH(config(bad).size("n"), "'n'");
  }
  CHECK_FAILS_WITH(config(R"({"n": 1})").flag("n", true), "true or false");
  CHECK_FAILS_WITH(config(R"({"n": [1, "a"]})").sizes("n"), "a list of sizes");
  CHECK_FAILS_WITH(config(R"({"n": 1})").object("n"), "config.json: n: should be a JSON object");
  CHECK_FAILS_WITH(config(R"({"act": "gelu"})").require_one_of("act", {"silu", "swish"}),
                   "one of 'silu', 'swish', found \"gelu\"");
  CHECK_FAILS_WITH(config("{}").product("a", 1 << 20, "b", 1 << 20), "'a' times 'b'");
}

}  // namespace
}  // namespace linnet::convert
