#include "tools/linnet/read_bandwidth.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "tools/linnet/timed_runs.h"

namespace linnet::cli {
namespace {

constexpr size_t least_bytes = size_t{512} << 20;
constexpr size_t most_bytes = size_t{2} << 30;
constexpr size_t huge_page_bytes = size_t{2} << 20;
constexpr size_t line_words = 64 / sizeof(uint64_t);
constexpr int passes = 4;  // with every number of streams

/// Several times the last level of cache, of which nothing survives a pass then.
size_t buffer_bytes() {
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (cache > 0) return std::clamp(8 * static_cast<size_t>(cache), least_bytes, most_bytes);
#endif
  return least_bytes;
}

/// A buffer that is filled, so that every page is one of its own, and in huge pages where the
/// system has them, so that nothing but memory slows its reading.
class Buffer {
 public:
  explicit Buffer(size_t bytes) {
    const size_t whole = (bytes + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
    words_.reset(static_cast<uint64_t*>(std::aligned_alloc(huge_page_bytes, whole)));
    if (words_ == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    madvise(words_.get(), whole, MADV_HUGEPAGE);
#endif
    std::fill_n(words_.get(), whole / sizeof(uint64_t), uint64_t{1});
  }

  const uint64_t* words() const { return words_.get(); }

 private:
  struct Free {
    void operator()(uint64_t* words) const { std::free(words); }
  };

  std::unique_ptr<uint64_t, Free> words_;
};

/// Reads every word, in as many streams side by side, and sums lest the reading be left out. How
/// many streams keep most reads under way differs from core to core.
template <size_t streams>
uint64_t sum(std::span<const uint64_t> words) {
  const size_t part = words.size() / streams / line_words * line_words;
  std::array<uint64_t, line_words> sums = {};
  for (size_t at = 0; at < part; at += line_words) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint64_t* line = words.data() + stream * part + at;
      for (size_t i = 0; i < line_words; ++i) sums[i] += line[i];
    }
  }
  return std::accumulate(sums.begin(), sums.end(), uint64_t{0});
}

constexpr std::array reading = {sum<1>, sum<2>, sum<4>};

}  // namespace

uint32_t session_threads(uint32_t threads) {
  constexpr uint32_t most_default_threads = 8;
  if (threads != 0) return threads;
  return std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, most_default_threads);
}

double read_bandwidth(uint32_t threads) {
  const size_t share = buffer_bytes() / sizeof(uint64_t) / threads;
  const Buffer buffer(share * threads * sizeof(uint64_t));
  std::atomic<uint64_t> total = 0;
  std::barrier together(threads);
  double best = 0;
  // The clock runs from before the first reader starts until after the last one is done.
  const auto read = [&](uint32_t thread) {
    const std::span words(buffer.words() + thread * share, share);
    for (size_t pass = 0; pass < passes * reading.size(); ++pass) {
      const Stopwatch watch;
      together.arrive_and_wait();
      total += reading[pass % reading.size()](words);
      together.arrive_and_wait();
      const double bytes = static_cast<double>(share * threads * sizeof(uint64_t));
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
