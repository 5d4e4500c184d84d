#pragma once

#include <pthreadpool.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace linnet {

/// Multiply-adds below which waking another thread costs more than it saves (a few microseconds).
inline constexpr size_t parallel_threshold = 1 << 16;

/// The same for matrix products, which need fewer cycles per multiply-add.
inline constexpr size_t matrix_parallel_threshold = 1 << 17;

/// How often the calling thread has woken others and waited for them; only differences mean
/// anything.
inline thread_local uint64_t fork_joins = 0;

/// Counts a call that hands work to `threads`, unless there is but the caller's.
inline void count_fork_join(pthreadpool_t threads) {
  if (threads != nullptr && pthreadpool_get_threads_count(threads) > 1) ++fork_joins;
}

/// How many of `total` a thread takes at a time: all of them unless `work`, the multiply-adds of
/// the whole, is worth waking others.
inline size_t parallel_tile(pthreadpool_t threads, size_t total, size_t work) {
  const size_t workers = pthreadpool_get_threads_count(threads);
  if (workers <= 1 || work < parallel_threshold) return std::max<size_t>(1, total);
  return std::max<size_t>(1, total / (workers * 4));
}

/// Calls body(first, count) for [0, tile), [tile, 2 tile) and so on to `total` on all threads, or
/// for all at once if there is but the caller's.
template <typename Body>
void parallel_tiles(pthreadpool_t threads, size_t total, size_t tile, const Body& body) {
  if (total == 0) return;
  if (tile >= total || pthreadpool_get_threads_count(threads) <= 1) {
    body(size_t{0}, total);
    return;
  }
  ++fork_joins;
  pthreadpool_parallelize_1d_tile_1d(
      threads,
      [](void* context, size_t first, size_t count) {
        (*static_cast<const Body*>(context))(first, count);
      },
      const_cast<Body*>(&body), total, tile, /*flags=*/0);
}

/// The same with a tile of parallel_tile's.
template <typename Body>
void parallel_for(pthreadpool_t threads, size_t total, size_t work, const Body& body) {
  parallel_tiles(threads, total, parallel_tile(threads, total, work), body);
}

}  // namespace linnet
