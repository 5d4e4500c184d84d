#include "runtime/plan/arena.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace {

using linnet::Lifetime;

size_t plan(std::vector<Lifetime>& lifetimes) {
  std::vector<uint32_t> order(lifetimes.size());
  std::vector<uint32_t> placed(lifetimes.size());
  return linnet::plan_arena(lifetimes, order, placed);
}

bool overlap(const Lifetime& a, const Lifetime& b) {
  const bool in_time = a.first <= b.last && b.first <= a.last;
  const bool in_memory = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
  return in_time && in_memory;
}

/// What layers of a model look like: a residual stream that stays, and short-lived tensors of a few
/// sizes between its updates.
std::vector<Lifetime> layered(uint32_t layers) {
  std::vector<Lifetime> lifetimes;
  for (uint32_t layer = 0; layer < layers; ++layer) {
    const uint32_t start = layer * 8;
    lifetimes.push_back({.bytes = 4096, .first = start, .last = start + 8});
    lifetimes.push_back({.bytes = 4096, .first = start + 1, .last = start + 3});
    lifetimes.push_back({.bytes = 12288, .first = start + 2, .last = start + 4});
    lifetimes.push_back({.bytes = 4096, .first = start + 4, .last = start + 6});
    lifetimes.push_back({.bytes = 14336, .first = start + 5, .last = start + 7});
  }
  return lifetimes;
}

}  // namespace

TEST_CASE("an empty plan takes nothing") {
  std::vector<Lifetime> none;
  CHECK(plan(none) == 0);
  CHECK(linnet::arena_lower_bound(none) == 0);
}

TEST_CASE("tensors that never live at once share memory") {
  std::vector<Lifetime> lifetimes = {{.bytes = 100, .first = 0, .last = 1},
                                     {.bytes = 100, .first = 2, .last = 3}};
  CHECK(plan(lifetimes) == 128);
  CHECK(lifetimes[0].offset == lifetimes[1].offset);
}

TEST_CASE("a tensor read by the operator that writes another keeps its own memory") {
  std::vector<Lifetime> lifetimes = {{.bytes = 64, .first = 0, .last = 1},
                                     {.bytes = 64, .first = 1, .last = 2}};
  CHECK(plan(lifetimes) == 128);
  CHECK_FALSE(overlap(lifetimes[0], lifetimes[1]));
}

TEST_CASE("random lifetimes never overlap and stay aligned and within the total") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(1 + random() % 40);
    for (Lifetime& lifetime : lifetimes) {
      lifetime.bytes = random() % 5000;
      lifetime.first = random() % 30;
      lifetime.last = lifetime.first + random() % 10;
    }
    const size_t total = plan(lifetimes);
    CHECK(total >= linnet::arena_lower_bound(lifetimes));
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      CHECK(lifetimes[i].offset % linnet::arena_alignment == 0);
      CHECK(lifetimes[i].offset + lifetimes[i].bytes <= total);
      for (size_t j = 0; j < i; ++j) CHECK_FALSE(overlap(lifetimes[i], lifetimes[j]));
    }
  }
}

TEST_CASE("a layered model is planned within a tenth of the lower bound") {
  std::vector<Lifetime> lifetimes = layered(24);
  const size_t total = plan(lifetimes);
  const size_t bound = linnet::arena_lower_bound(lifetimes);
  CHECK(total >= bound);
  CHECK(total * 10 <= bound * 11);
}

TEST_CASE("sizes beyond any machine are refused, not wrapped around") {
  std::vector<Lifetime> lifetimes = {{.bytes = SIZE_MAX - 10, .first = 0, .last = 1},
                                     {.bytes = 100, .first = 0, .last = 1}};
  CHECK(plan(lifetimes) == SIZE_MAX);
}
