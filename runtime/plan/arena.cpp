#include "runtime/plan/arena.h"

#include <algorithm>
#include <numeric>

namespace linnet {
namespace {

// Far above any machine's memory, or half of what a 32-bit one could have, and small enough that
// sums cannot overflow.
constexpr size_t most_bytes = size_t{1} << (sizeof(size_t) > sizeof(uint32_t) ? 40 : 30);

size_t aligned(size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

bool overlap_in_time(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// The lowest offset at which `lifetime` fits between those in `placed`, which are sorted by
/// offset.
size_t lowest_fit(const Lifetime& lifetime, std::span<const Lifetime> all,
                  std::span<const uint32_t> placed) {
  size_t offset = 0;
  for (const uint32_t index : placed) {
    const Lifetime& other = all[index];
    if (!overlap_in_time(lifetime, other)) continue;
    if (offset + aligned(lifetime.bytes) <= other.offset) break;
    offset = std::max(offset, other.offset + aligned(other.bytes));
  }
  return offset;
}

}  // namespace

size_t plan_arena(std::span<Lifetime> lifetimes, std::span<uint32_t> order,
                  std::span<uint32_t> placed) {
  std::iota(order.begin(), order.end(), 0U);
  const auto is_larger = [&](uint32_t a, uint32_t b) {
    return lifetimes[a].bytes != lifetimes[b].bytes ? lifetimes[a].bytes > lifetimes[b].bytes
                                                    : a < b;
  };
  std::make_heap(order.begin(), order.end(), is_larger);  // half as much code as std::sort
  std::sort_heap(order.begin(), order.end(), is_larger);
  size_t total = 0;
  size_t count = 0;
  for (const uint32_t index : order) {
    Lifetime& lifetime = lifetimes[index];
    if (lifetime.bytes > most_bytes) return SIZE_MAX;
    lifetime.offset = lowest_fit(lifetime, lifetimes, placed.first(count));
    total = std::max(total, lifetime.offset + aligned(lifetime.bytes));
    if (total > most_bytes) return SIZE_MAX;
    const auto by_offset = [&](uint32_t a, uint32_t b) {
      return lifetimes[a].offset < lifetimes[b].offset;
    };
    const auto begin = placed.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    const auto where = std::upper_bound(begin, end, index, by_offset);
    std::copy_backward(where, end, end + 1);
    *where = index;
    ++count;
  }
  return total;
}

size_t arena_lower_bound(std::span<const Lifetime> lifetimes) {
  size_t bound = 0;
  for (const Lifetime& moment : lifetimes) {
    size_t alive = 0;
    for (const Lifetime& other : lifetimes) {
      if (other.first <= moment.first && moment.first <= other.last) alive += aligned(other.bytes);
    }
    bound = std::max(bound, alive);
  }
  return bound;
}

}  // namespace linnet
