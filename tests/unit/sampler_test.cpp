#include "runtime/text/sampler.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace linnet {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplingOptions plain(float temperature, uint64_t seed = 1) {
  SamplingOptions options;
  options.temperature = temperature;
  options.seed = seed;
  return options;
}

std::vector<int32_t> draw(const SamplingOptions& options, const std::vector<float>& logits,
                          int count) {
  Sampler sampler;
  REQUIRE(!sampler.open(static_cast<uint32_t>(logits.size()), options).failed());
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(sampler.sample(logits));
  return ids;
}

std::set<int32_t> seen(const SamplingOptions& options, const std::vector<float>& logits,
                       int count = 4000) {
  const auto ids = draw(options, logits, count);
  return {ids.begin(), ids.end()};
}

std::vector<float> logarithms(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

}  // namespace

TEST_CASE("temperature 0 takes the likeliest token, the lowest id among equals") {
  CHECK(draw(plain(0), {1, 5, 5, 2}, 2) == std::vector<int32_t>{1, 1});
  CHECK(draw(plain(0), {kNan, -3, -2, kNan}, 1) == std::vector<int32_t>{2});
}

TEST_CASE("tokens are drawn as often as they are likely") {
  const std::vector<double> probabilities = {0.5, 0.3, 0.15, 0.05};
  std::vector<int> counts(4, 0);
  const int draws = 100000;
  for (const int32_t id : draw(plain(1), logarithms(probabilities), draws)) {
    ++counts[static_cast<size_t>(id)];
  }
  for (size_t i = 0; i < 4; ++i) {
    CHECK(std::abs(counts[i] / double{draws} - probabilities[i]) < 0.006);
  }
}

TEST_CASE("temperature sharpens and flattens") {
  const auto logits = logarithms({0.8, 0.2});
  const auto share = [&](float temperature) {
    int count = 0;
    for (const int32_t id : draw(plain(temperature), logits, 50000)) count += id;
    return count / 50000.0;
  };
  CHECK(std::abs(share(0.5f) - 0.04 / 0.68) < 0.006);
  CHECK(std::abs(share(2.0f) - 1.0 / 3) < 0.01);
  CHECK(share(1e-30f) == 0);
}

TEST_CASE("top_k keeps exactly k, the lowest ids among equals") {
  SamplingOptions options = plain(1);
  options.top_k = 2;
  CHECK(seen(options, {0, 1, 1, 1}) == std::set<int32_t>{1, 2});
  options.top_k = 100;
  CHECK(seen(options, {0, 1, 1, 1}).size() == 4);
}

TEST_CASE("top_p keeps the likeliest until they sum to p") {
  const auto logits = logarithms({0.1, 0.4, 0.2, 0.3});
  SamplingOptions options = plain(1);
  options.top_p = 0.69f;
  CHECK(seen(options, logits) == std::set<int32_t>{1, 3});
  options.top_p = 0.71f;
  CHECK(seen(options, logits) == std::set<int32_t>{1, 2, 3});
  options.top_p = 0;
  CHECK(seen(options, logits) == std::set<int32_t>{1});
}

TEST_CASE("top_p works on what top_k leaves") {
  SamplingOptions options = plain(1);
  options.top_k = 2;
  options.top_p = 0.5f;  // 0.4 of 0.7 is enough
  CHECK(seen(options, logarithms({0.1, 0.4, 0.2, 0.3})) == std::set<int32_t>{1});
}

TEST_CASE("top_p finds its tokens in a large vocabulary") {
  std::vector<float> logits(20000, 0);
  SamplingOptions options = plain(1);
  options.top_p = 0.25f;
  const auto ids = seen(options, logits, 400);  // each looks at the whole vocabulary
  CHECK(*ids.rbegin() < 5000);
  CHECK(*ids.rbegin() > 4900);
}

TEST_CASE("min_p keeps those at least so likely as a share of the likeliest") {
  SamplingOptions options = plain(1);
  options.min_p = 0.45f;
  CHECK(seen(options, logarithms({0.1, 0.4, 0.2, 0.3})) == std::set<int32_t>{1, 2, 3});
  options.min_p = 0.55f;
  CHECK(seen(options, logarithms({0.1, 0.4, 0.2, 0.3})) == std::set<int32_t>{1, 3});
}

TEST_CASE("the repetition penalty divides positive and multiplies negative logits once") {
  SamplingOptions options = plain(0);
  options.repetition_penalty = 2;
  Sampler sampler;
  REQUIRE(!sampler.open(3, options).failed());
  sampler.accept(0);
  sampler.accept(0);
  CHECK(sampler.sample(std::vector<float>{4, 1.9f, 0}) == 0);  // 2 after one division
  CHECK(sampler.sample(std::vector<float>{4, 2.1f, 0}) == 1);
  CHECK(sampler.sample(std::vector<float>{-1, -1.5f, -9}) == 1);  // -2 after the penalty
}

TEST_CASE("the repetition penalty forgets what lies more than 64 tokens back") {
  SamplingOptions options = plain(0);
  options.repetition_penalty = 2;
  Sampler sampler;
  REQUIRE(!sampler.open(3, options).failed());
  const std::vector<float> logits = {4, 3, 0};
  sampler.accept(0);
  for (int i = 0; i < 63; ++i) sampler.accept(2);
  CHECK(sampler.sample(logits) == 1);
  sampler.accept(2);
  CHECK(sampler.sample(logits) == 0);
}

TEST_CASE("the same seed draws the same tokens, on every machine") {
  std::vector<float> logits;
  for (int i = 0; i < 50; ++i) logits.push_back(static_cast<float>(i % 7) * 0.5f);
  const auto first = draw(plain(0.9f, 42), logits, 12);
  CHECK(first == draw(plain(0.9f, 42), logits, 12));
  CHECK(first != draw(plain(0.9f, 43), logits, 12));
  CHECK(first == std::vector<int32_t>{12, 25, 6, 24, 33, 41, 12, 0, 33, 13, 20, 48});
}

TEST_CASE("a vocabulary of NaN, of infinities or of nothing possible is survived") {
  SamplingOptions options = plain(1);
  options.top_k = 2;
  options.top_p = 0.9f;
  options.min_p = 0.1f;
  options.repetition_penalty = 1.1f;
  CHECK(seen(options, {kNan, kNan, kNan}) == std::set<int32_t>{0});
  CHECK(seen(options, {-kInfinity, -kInfinity}) == std::set<int32_t>{0});
  CHECK(seen(options, {0, kInfinity, kInfinity, kNan}) == std::set<int32_t>{1, 2});
  CHECK(seen(options, {3e38f, -3e38f}) == std::set<int32_t>{0});
}

TEST_CASE("options that mean nothing are refused") {
  Sampler sampler;
  CHECK(sampler.open(0, plain(1)).failed());
  CHECK(sampler.open(10, plain(-1)).failed());
  CHECK(sampler.open(10, plain(kNan)).failed());
  SamplingOptions options = plain(1);
  options.repetition_penalty = 0;
  CHECK(sampler.open(10, options).failed());
}

}  // namespace linnet
