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

/// Calls body(first, count) for ranges that cover [0, total) once, on all threads if `work`, the
/// multiply-adds of the whole, is worth it.
template <typename Body>
void parallel_for(pthreadpool_t threads, size_t total, size_t work, const Body& body) {
  if (total == 0) return;
  const size_t workers = pthreadpool_get_threads_count(threads);
  if (workers <= 1 || total == 1 || work < parallel_threshold) {
    body(size_t{0}, total);
    return;
  }
  ++fork_joins;
  const size_t tile = std::max<size_t>(1, total / (workers * 4));
  pthreadpool_parallelize_1d_tile_1d(
      threads,
      [](void* context, size_t first, size_t count) {
        (*static_cast<const Body*>(context))(first, count);
      },
      const_cast<Body*>(&body), total, tile, /*flags=*/0);
}

}  // namespace linnet
