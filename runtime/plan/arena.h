#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace linnet {

/// Every region of the arena, and the arena itself, starts on a cache line.
inline constexpr size_t arena_alignment = 64;

/// A piece of memory that is needed from operator `first` to operator `last`, both included.
struct Lifetime {
  size_t bytes = 0;
  uint32_t first = 0;
  uint32_t last = 0;
  size_t offset = 0;  ///< set by plan_arena
};

/// Gives every lifetime an offset such that two that overlap in time never overlap in memory, and
/// returns the bytes of the whole. Largest first, each at the lowest offset where it fits between
/// those already placed ("greedy by size", Pisarchyk and Lee 2020, arXiv:2001.03288). A pure
/// function; `order` and `placed` are scratch of the same length as `lifetimes`. Returns SIZE_MAX
/// if the sizes overflow.
size_t plan_arena(std::span<Lifetime> lifetimes, std::span<uint32_t> order,
                  std::span<uint32_t> placed);

/// The largest sum of bytes alive at once, rounded up like plan_arena's: no plan can be smaller.
size_t arena_lower_bound(std::span<const Lifetime> lifetimes);

}  // namespace linnet
