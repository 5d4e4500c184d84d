#include "runtime/exec/checkpoints.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

namespace {

using linnet::Checkpoints;

std::vector<uint64_t> positions(const Checkpoints& checkpoints, uint64_t up_to) {
  std::vector<uint64_t> found;
  for (uint64_t at = up_to + 1; at > 0;) {
    const Checkpoints::Entry* entry = checkpoints.latest(at - 1);
    if (entry == nullptr) break;
    at = entry->position;
    found.insert(found.begin(), at);
  }
  return found;
}

}  // namespace

TEST_CASE("the latest checkpoint at or before a position is found") {
  Checkpoints checkpoints;
  REQUIRE(checkpoints.open(4));
  CHECK(checkpoints.latest(100) == nullptr);
  checkpoints.add(10);
  checkpoints.add(20);
  CHECK(checkpoints.latest(9) == nullptr);
  CHECK(checkpoints.latest(10)->position == 10);
  CHECK(checkpoints.latest(19)->position == 10);
  CHECK(checkpoints.latest(500)->position == 20);
}

TEST_CASE("a second checkpoint at a position takes the place of the first") {
  Checkpoints checkpoints;
  REQUIRE(checkpoints.open(2));
  const size_t slot = checkpoints.add(10);
  CHECK(checkpoints.add(10) == slot);
  CHECK(checkpoints.size() == 1);
}

TEST_CASE("no two checkpoints share a slot, whatever was dropped") {
  Checkpoints checkpoints;
  REQUIRE(checkpoints.open(5));
  for (uint64_t position = 1; position < 200; ++position) {
    checkpoints.add(position * 3);
    if (position % 17 == 0) checkpoints.drop_after(position * 3 - 8);
    std::set<size_t> slots;
    for (const uint64_t at : positions(checkpoints, position * 3)) {
      const size_t slot = checkpoints.latest(at)->slot;
      CHECK(slot < 5);
      slots.insert(slot);
    }
    CHECK(slots.size() == checkpoints.size());
  }
}

TEST_CASE("when the budget is full the first one stays and the spacing grows with age") {
  Checkpoints checkpoints;
  REQUIRE(checkpoints.open(12));
  constexpr uint64_t now = 4000;
  for (uint64_t position = 1; position <= now; ++position) checkpoints.add(position);
  const std::vector<uint64_t> kept = positions(checkpoints, now);
  REQUIRE(kept.size() == 12);
  CHECK(kept.front() == 1);
  CHECK(kept.back() == now);
  // Going back n tokens replays at most some share of n: here twelve have to span a factor of 4000,
  // and an even spacing in the logarithm would be a factor of 2.1 from one to the next. The spacing
  // is measured when a checkpoint goes, so that it may be up to its double.
  for (size_t i = 1; i + 1 < kept.size(); ++i) {
    const double older = static_cast<double>(now - kept[i - 1] + 1);
    const double newer = static_cast<double>(now - kept[i] + 1);
    CHECK(older / newer < 4.5);
  }
}

TEST_CASE("with one slot the newest checkpoint is kept, with two the first one too") {
  Checkpoints one;
  REQUIRE(one.open(1));
  for (const uint64_t position : {4, 8, 12}) one.add(position);
  CHECK(positions(one, 100) == std::vector<uint64_t>{12});
  Checkpoints two;
  REQUIRE(two.open(2));
  for (const uint64_t position : {4, 8, 12}) two.add(position);
  CHECK(positions(two, 100) == std::vector<uint64_t>{4, 12});
}
