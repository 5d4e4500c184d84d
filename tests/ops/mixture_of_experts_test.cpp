#include "runtime/kernels/mixture_of_experts.h"

#include "tests/ops/kernel_test.h"
#include "tests/reference/kernels.h"

namespace linnet::test {

using kernels::ExpertShare;

TEST_CASE("experts: the largest of the softmax, whole or made to sum to one") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 4.0f);
  for (const size_t experts : {1, 2, 3, 8, 17, 64}) {
    for (const bool normalize : {false, true}) {
      for (size_t count = 1; count <= std::min<size_t>(experts, 9); ++count) {
        CAPTURE(experts);
        CAPTURE(count);
        std::vector<float> logits(experts);
        for (float& logit : logits) logit = normal(random);
        std::vector<ExpertShare> expected(count);
        std::vector<ExpertShare> actual(count);
        reference::choose_experts(logits, normalize, expected);
        kernels::choose_experts(logits, normalize, actual);
        for (size_t i = 0; i < count; ++i) {
          CHECK(actual[i].expert == expected[i].expert);
          CHECK(actual[i].weight == doctest::Approx(expected[i].weight).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("experts: of equal ones the first, and large logits overflow nothing") {
  std::vector<ExpertShare> shares(2);
  kernels::choose_experts(std::vector<float>{5.0f, 7.0f, 7.0f, 7.0f}, true, shares);
  CHECK(shares[0].expert == 1);
  CHECK(shares[1].expert == 2);
  CHECK(shares[0].weight == 0.5f);
  kernels::choose_experts(std::vector<float>{-3e38f, 3e38f, 1.0f}, false, shares);
  CHECK(shares[0].expert == 1);
  CHECK(shares[0].weight == 1.0f);
}

TEST_CASE("experts: logits that are not numbers still choose experts that exist, each once") {
  std::vector<ExpertShare> shares(3);
  kernels::choose_experts(std::vector<float>{NAN, 1.0f, NAN, NAN}, true, shares);
  std::vector<uint32_t> chosen;
  for (const ExpertShare& share : shares) chosen.push_back(share.expert);
  std::sort(chosen.begin(), chosen.end());
  CHECK(chosen.back() < 4);
  CHECK(std::unique(chosen.begin(), chosen.end()) == chosen.end());
}

TEST_CASE("experts: a share is added at every length") {
  for_each_target([] {
    for (const size_t n : lengths()) {
      CAPTURE(n);
      std::mt19937 random(4);
      TestRows x(1, n), y(1, n), expected(1, n);
      x.fill(random);
      y.fill(random);
      for (size_t i = 0; i < n; ++i) {
        const double sum = y.at(0, i) + 0.3 * x.at(0, i);
        expected.at(0, i) = static_cast<float>(sum);
      }
      kernels::add_share(0.3f, x.data(), y.data(), n);
      CHECK(largest_difference(y, expected) < 1e-6);
      CHECK(y.guards_intact());
    }
  });
}

}  // namespace linnet::test
