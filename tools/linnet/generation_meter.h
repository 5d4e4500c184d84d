#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "tools/linnet/process_memory.h"

namespace linnet::cli {

/// Watches a generation: how fast it is at its start and at its end, and whether memory grows. Its
/// own size is fixed, so that watching a long generation does not show in what it watches.
class GenerationMeter {
 public:
  /// `prompt_tokens` go in first, then at most `max_tokens` come out. `watch_memory` looks at this
  /// process's memory a hundred times on the way, which takes a moment each.
  GenerationMeter(size_t prompt_tokens, size_t max_tokens, bool watch_memory);

  /// To be called often, with the tokens that have gone in so far.
  void advance(uint64_t tokens_in);

  /// The generation is over.
  void finish();

  std::optional<double> prompt_speed() const;  ///< tokens per second
  std::optional<double> speed() const;         ///< of generated tokens, per second
  std::optional<double> first_tenth_speed() const;
  std::optional<double> last_tenth_speed() const;

  const std::optional<ProcessMemory>& memory_at_start() const { return memory_at_start_; }
  const std::optional<ProcessMemory>& memory_at_most() const { return memory_at_most_; }
  const std::optional<ProcessMemory>& memory_at_end() const { return memory_at_end_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    uint64_t tokens = 0;  ///< generated and gone in again
    Clock::time_point time;
  };

  static std::optional<double> speed_between(const Mark& from, const Mark& to);
  void look_at_memory();

  static constexpr size_t intervals = 100;
  std::array<Mark, intervals + 1> marks_ = {};  // the first once the prompt is in
  size_t mark_count_ = 0;
  Mark last_;
  uint64_t prompt_tokens_;
  uint64_t max_tokens_;
  bool watch_memory_;
  Clock::time_point begin_;
  std::optional<ProcessMemory> memory_at_start_;
  std::optional<ProcessMemory> memory_at_most_;
  std::optional<ProcessMemory> memory_at_end_;
};

}  // namespace linnet::cli
