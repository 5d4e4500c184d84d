#include "tools/linnet/distribution.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace linnet::cli {
namespace {

using Logits = std::vector<float>;

/// Logits of given probabilities, moved by a number that must not matter.
Logits logits_of(const std::vector<double>& probabilities, double shift) {
  Logits logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p) + shift));
  return logits;
}

// Logits of about 1 are rounded to 24 bits; what is computed from them, in double, to little more.
constexpr double rounding = 1e-6;

}  // namespace

TEST_CASE("the logarithm of a sum of exponentials neither overflows nor vanishes") {
  CHECK(log_sum_exp(Logits{0, 0, 0, 0}) == doctest::Approx(std::log(4.0)).epsilon(1e-12));
  CHECK(log_sum_exp(Logits{1000, 1000}) == doctest::Approx(1000 + std::log(2.0)).epsilon(1e-12));
  CHECK(log_sum_exp(Logits{-1000, -1000}) == doctest::Approx(-1000 + std::log(2.0)).epsilon(1e-12));
  CHECK(log_sum_exp(Logits{3}) == 3);
  const float never = -std::numeric_limits<float>::infinity();
  CHECK(log_sum_exp(Logits{never, 2, never}) == 2);
}

TEST_CASE("a large vocabulary sums without losing the small ones") {
  // 2^18 logits of 0 beside one of 10: in float a running sum from e^10 would lose digits of each.
  Logits logits(1 << 18, 0.0f);
  logits[0] = 10;
  CHECK(log_sum_exp(logits) == doctest::Approx(std::log(262143 + std::exp(10.0))).epsilon(1e-12));
}

TEST_CASE("the likelihood of a token is that of its softmax") {
  const std::vector<double> p = {0.5, 0.25, 0.125, 0.125};
  for (const double shift : {0.0, 3.0, -7.0}) {
    const Logits logits = logits_of(p, shift);
    for (size_t i = 0; i < p.size(); ++i) {
      CHECK(negative_log_likelihood(logits, i) ==
            doctest::Approx(-std::log(p[i])).epsilon(rounding));
    }
  }
}

TEST_CASE("KL is that of the definition and not symmetric") {
  const std::vector<double> p = {0.5, 0.25, 0.25};
  const std::vector<double> q = {0.25, 0.5, 0.25};
  // 0.5 log 2 + 0.25 log 0.5 = 0.25 log 2
  CHECK(kl_divergence(logits_of(p, 1), logits_of(q, -2)) ==
        doctest::Approx(0.25 * std::log(2.0)).epsilon(rounding));
  const std::vector<double> r = {0.8, 0.1, 0.1};
  const double forward = 0.5 * std::log(0.5 / 0.8) + 0.5 * std::log(0.25 / 0.1);
  const double backward = 0.8 * std::log(0.8 / 0.5) + 0.2 * std::log(0.1 / 0.25);
  CHECK(kl_divergence(logits_of(p, 0), logits_of(r, 0)) ==
        doctest::Approx(forward).epsilon(rounding));
  CHECK(kl_divergence(logits_of(r, 0), logits_of(p, 0)) ==
        doctest::Approx(backward).epsilon(rounding));
}

TEST_CASE("KL is 0 of equal distributions, and never below") {
  const Logits logits = {1.5f, -0.25f, 3, 700};
  CHECK(kl_divergence(logits, logits) == 0);
  Logits moved = logits;
  for (float& logit : moved) logit += 2;
  CHECK(kl_divergence(logits, moved) >= 0);
  CHECK(kl_divergence(logits, moved) < 1e-12);
}

TEST_CASE("what is impossible counts nothing, what is not a number shows") {
  const float never = -std::numeric_limits<float>::infinity();
  CHECK(kl_divergence(Logits{0, 0, never}, Logits{0, 0, never}) == 0);
  CHECK(kl_divergence(Logits{0, 0, never}, Logits{0, 0, 0}) ==
        doctest::Approx(std::log(1.5)).epsilon(1e-12));
  CHECK(std::isinf(kl_divergence(Logits{0, 0, 0}, Logits{0, 0, never})));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(kl_divergence(Logits{0, 0}, Logits{0, nan})));
  CHECK(std::isnan(negative_log_likelihood(Logits{nan, 0}, 1)));
}

TEST_CASE("percentiles lie between neighbours") {
  const std::vector<double> values = {4, 1, 3, 2, 5};
  CHECK(percentile(values, 0) == 1);
  CHECK(percentile(values, 0.5) == 3);
  CHECK(percentile(values, 0.99) == doctest::Approx(4.96));
  CHECK(percentile(values, 1) == 5);
  CHECK(percentile({1, 2}, 0.5) == 1.5);
  CHECK(percentile({7}, 0.99) == 7);
  CHECK(mean(values) == 3);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(percentile({nan, 1, 2}, 0.5) == 2);
  CHECK(std::isnan(percentile({nan, 1, 2}, 1)));
}

TEST_CASE("a divergence gathers positions") {
  Divergence divergence;
  divergence.add(logits_of({0.25, 0.5, 0.25}, 0), logits_of({0.5, 0.25, 0.25}, 0));
  divergence.add(Logits{1, 2, 3}, Logits{1, 2, 3});
  divergence.add(Logits{1, 2, 3}, Logits{1, 2, 3.5f});
  REQUIRE(divergence.positions() == 3);
  // KL(other || model): the second argument is the other.
  CHECK(divergence.kl()[0] == doctest::Approx(0.25 * std::log(2.0)).epsilon(rounding));
  CHECK(divergence.kl()[1] == 0);
  CHECK(divergence.kl()[2] > 0);
  CHECK(divergence.argmax_agreement() == doctest::Approx(2.0 / 3));
  CHECK(divergence.largest_difference() == doctest::Approx(std::log(2.0)).epsilon(rounding));
}

}  // namespace linnet::cli
