#include <doctest/doctest.h>

#include "tests/unit/temp_folder.h"
#include "tools/convert/tokenizers/generation_config.h"

namespace linnet::convert {
namespace {

using Ids = std::vector<uint32_t>;

SearchDefaults search(const char* generation_config, const char* config = "") {
  return parse_generation_defaults(generation_config, config).search;
}

}  // namespace

TEST_CASE("search defaults are generation_config.json's, lengths without the start") {
  const SearchDefaults defaults = search(
      R"({"decoder_start_token_id": 9, "forced_bos_token_id": 3, "forced_eos_token_id": 2,
          "pad_token_id": 1, "bad_words_ids": [[7], [7, 8], [1]], "suppress_tokens": [5],
          "num_beams": 4, "length_penalty": 2.0, "early_stopping": true, "max_length": 142,
          "min_length": 56, "no_repeat_ngram_size": 3})");
  CHECK(defaults.start_id == 9);
  CHECK(defaults.forced_first_id == 3);
  CHECK(defaults.forced_last_id == 2);
  CHECK(defaults.suppressed_ids == Ids{1, 7, 5});
  CHECK(defaults.beams == 4);
  CHECK(defaults.length_penalty == 2);
  CHECK(defaults.stopping == Stopping::first);
  CHECK(defaults.max_tokens == 141);
  CHECK(defaults.min_tokens == 55);
  CHECK(defaults.no_repeat == 3);
}

TEST_CASE("what generation_config.json leaves out is plain, ids may stand in config.json") {
  const SearchDefaults defaults =
      search("{}", R"({"decoder_start_token_id": 4, "pad_token_id": 2, "num_beams": 6})");
  CHECK(defaults.start_id == 4);
  CHECK(defaults.suppressed_ids == Ids{2});
  CHECK(defaults.beams == 1);
  CHECK(defaults.stopping == Stopping::likely);
  // Older checkpoints have config.json alone.
  CHECK(search("", R"({"decoder_start_token_id": 4, "num_beams": 6})").beams == 6);
  CHECK(search("", R"({"is_encoder_decoder": true, "bos_token_id": 8})").start_id == 8);
  CHECK(search("", R"({"bos_token_id": 8, "pad_token_id": 1})").start_id == -1);
}

TEST_CASE("padding that also ends texts may be written") {
  CHECK(search(R"({"decoder_start_token_id": 0, "pad_token_id": 2, "eos_token_id": 2})")
            .suppressed_ids.empty());
}

TEST_CASE("new tokens count without the start already") {
  CHECK(search(R"({"decoder_start_token_id": 0, "max_new_tokens": 30, "max_length": 20})")
            .max_tokens == 30);
}

TEST_CASE("search settings that mean nothing are refused by name") {
  const auto with = [](const std::string& entry) {
    return R"({"decoder_start_token_id": 0, )" + entry + "}";
  };
  for (const char* entry : {R"("early_stopping": "soon")", R"("length_penalty": "long")",
                            R"("num_beams": -1)", R"("bad_words_ids": [["a"]])",
                            R"("forced_bos_token_id": 1.5)", R"("suppress_tokens": 3)"}) {
    CAPTURE(entry);
    const std::string key = std::string(entry).substr(1, std::string(entry).find('"', 1) - 1);
    CHECK_FAILS_WITH(parse_generation_defaults(with(entry), ""), key);
  }
}

}  // namespace linnet::convert
