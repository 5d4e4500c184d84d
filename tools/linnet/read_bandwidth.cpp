#include "tools/linnet/read_bandwidth.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <span>
#include <thread>
#include <vector>

#include "tools/linnet/timed_runs.h"

namespace linnet::cli {
namespace {

constexpr size_t least_bytes = size_t{512} << 20;
constexpr size_t most_bytes = size_t{2} << 30;
constexpr int passes = 7;
// Reads that are under way at once, a page or more apart: as many as a core's prefetcher follows.
constexpr size_t streams = 4;
constexpr size_t line_words = 64 / sizeof(uint64_t);

/// Several times the last level of cache, of which nothing survives a pass then.
size_t buffer_bytes() {
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (cache > 0) return std::clamp(8 * static_cast<size_t>(cache), least_bytes, most_bytes);
#endif
  return least_bytes;
}

/// Reads every word, in a few streams side by side, and sums lest the reading be left out.
uint64_t sum(std::span<const uint64_t> words) {
  const size_t part = words.size() / streams / line_words * line_words;
  std::array<uint64_t, line_words> sums = {};
  for (size_t at = 0; at < part; at += line_words) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint64_t* line = words.data() + stream * part + at;
      for (size_t i = 0; i < line_words; ++i) sums[i] += line[i];
    }
  }
  uint64_t total = 0;
  for (const uint64_t value : sums) total += value;
  return total;
}

}  // namespace

uint32_t session_threads(uint32_t threads) {
  constexpr uint32_t most_default_threads = 8;
  if (threads != 0) return threads;
  return std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, most_default_threads);
}

double read_bandwidth(uint32_t threads) {
  const size_t share = buffer_bytes() / sizeof(uint64_t) / threads;
  std::vector<uint64_t> words(share * threads, 1);
  std::atomic<uint64_t> total = 0;
  std::barrier together(threads);
  double best = 0;
  // The clock runs from before the first reader starts until after the last one is done.
  const auto read = [&](uint32_t thread) {
    for (int pass = 0; pass < passes; ++pass) {
      const Stopwatch watch;
      together.arrive_and_wait();
      total += sum(std::span(words).subspan(thread * share, share));
      together.arrive_and_wait();
      const double bytes = static_cast<double>(words.size() * sizeof(uint64_t));
      if (thread == 0) best = std::max(best, bytes / watch.seconds());
    }
  };
  {
    std::vector<std::jthread> others;
    for (uint32_t thread = 1; thread < threads; ++thread) others.emplace_back(read, thread);
    read(0);
  }
  return total == 0 ? 0 : best;
}

}  // namespace linnet::cli
