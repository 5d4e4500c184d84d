#include "tools/convert/tokenizers/generation_config.h"

#include <doctest/doctest.h>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {

using Ids = std::vector<uint32_t>;

TEST_CASE("end ids are a number or a list, in one file or the other") {
  CHECK(parse_generation_defaults(R"({"eos_token_id": 7})", R"({"eos_token_id": 1})").end_ids ==
        Ids{7});
  CHECK(parse_generation_defaults(R"({"eos_token_id": [7, 8]})", "").end_ids == Ids{7, 8});
  CHECK(parse_generation_defaults("", R"({"eos_token_id": 1})").end_ids == Ids{1});
  CHECK(parse_generation_defaults("{}", R"({"text_config": {"eos_token_id": 2}})").end_ids ==
        Ids{2});
  CHECK(parse_generation_defaults(R"({"eos_token_id": null})", "{}").end_ids.empty());
}

TEST_CASE("sampling is greedy unless do_sample says otherwise") {
  CHECK(parse_generation_defaults(R"({"temperature": 0.7})", "").temperature == 0);
  const auto defaults = parse_generation_defaults(
      R"({"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.1,
          "repetition_penalty": 1.05})",
      "");
  CHECK(defaults.temperature == 0.7f);
  CHECK(defaults.top_k == 20);
  CHECK(defaults.top_p == 0.8f);
  CHECK(defaults.min_p == 0.1f);
  CHECK(defaults.repetition_penalty == 1.05f);
  const auto sampled = parse_generation_defaults(R"({"do_sample": true})", "");
  CHECK(sampled.temperature == 1);
  CHECK(sampled.top_k == 50);
}

TEST_CASE("generation settings that mean nothing are refused with the file's name") {
  CHECK_FAILS_WITH(parse_generation_defaults(R"({"eos_token_id": "x"})", ""),
                   "generation_config.json: eos_token_id");
  CHECK_FAILS_WITH(parse_generation_defaults(R"({"do_sample": true, "top_p": -1})", ""), "top_p");
  CHECK_FAILS_WITH(parse_generation_defaults("", R"({"eos_token_id": {}})"), "config.json: ");
}

TEST_CASE("a folder need not have either file") {
  const test::TempFolder folder;
  CHECK(read_generation_defaults(folder.path()).end_ids.empty());
  folder.write("config.json", R"({"eos_token_id": 3})");
  CHECK(read_generation_defaults(folder.path()).end_ids == Ids{3});
}

}  // namespace linnet::convert
