#include "tools/convert/models/rope.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/unit/temp_folder.h"

namespace linnet::convert {
namespace {

RotaryFrequencies read(const char* text, int32_t head_dim, double part = 1) {
  return rotary_frequencies({nlohmann::json::parse(text), "config.json"}, head_dim, part);
}

TEST_CASE("frequencies fall geometrically over the rotary part of a head") {
  const RotaryFrequencies all = read(R"({"rope_parameters": {"rope_theta": 10000}})", 4);
  CHECK(all.frequencies == std::vector<float>{1.0f, 0.01f});
  CHECK(all.scale == 1.0f);
  // The older form, and a quarter of the channels.
  const RotaryFrequencies old = read(R"({"rope_theta": 100, "partial_rotary_factor": 0.25})", 16);
  CHECK(old.frequencies == std::vector<float>{1.0f, 0.1f});
  CHECK(old.dimensions() == 4);
  CHECK(read("{}", 16, 0.25).frequencies.size() == 2);
}

TEST_CASE("scaled frequencies: linear, llama3, yarn") {
  const char* linear = R"({"rope_scaling": {"type": "linear", "factor": 2}, "rope_theta": 100})";
  CHECK(read(linear, 4).frequencies == std::vector<float>{0.5f, 0.05f});

  // Within 64 positions the first pair turns ten times, the second a tenth of a time.
  const char* llama3 = R"({"rope_parameters": {"rope_type": "llama3", "rope_theta": 10000,
      "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 64}})";
  CHECK(read(llama3, 4).frequencies == std::vector<float>{1.0f, 0.01f / 8});

  const char* yarn = R"({"rope_parameters": {"rope_type": "yarn", "rope_theta": 10000, "factor": 4,
      "original_max_position_embeddings": 64}})";
  const RotaryFrequencies stretched = read(yarn, 4);
  CHECK(stretched.frequencies[0] == 1.0f);
  CHECK(stretched.frequencies[1] == doctest::Approx(0.0025));
  CHECK(stretched.scale == doctest::Approx(0.1 * std::log(4.0) + 1));
}

TEST_CASE("parameters of their own take nothing from beside") {
  const Config config(nlohmann::json::parse(R"({"max_position_embeddings": 64})"), "config.json");
  const Config own(nlohmann::json::parse(R"({"rope_type": "linear", "factor": 4})"), "own");
  CHECK(rotary_frequencies(config, own, 4, 1.0, 100).frequencies ==
        std::vector<float>{0.25f, 0.025f});
}

TEST_CASE("types that are not known and parts that are no part are refused") {
  CHECK_FAILS_WITH(
      read(R"({"rope_parameters": {"rope_type": "longrope"}})", 4),
      "'rope_type' should be 'default', 'linear', 'llama3' or 'yarn', found \"longrope\"");
  CHECK_FAILS_WITH(read(R"({"partial_rotary_factor": 0.1})", 4), "an even part of 4 channels");
  CHECK_FAILS_WITH(read(R"({"rope_theta": -1})", 4), "rope_theta");
}

}  // namespace
}  // namespace linnet::convert
