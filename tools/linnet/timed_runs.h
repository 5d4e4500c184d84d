#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <vector>

namespace linnet::cli {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

/// Tokens per second over several runs.
struct Speed {
  size_t tokens = 0;  ///< of one run
  double median = 0;
  double min = 0;
  double max = 0;
};

/// The speed of runs of `tokens` tokens that took `seconds`, of which there is at least one.
Speed speed_of(size_t tokens, const std::vector<double>& seconds);

/// Calls `seconds_of` once to warm up and then `repeats` times.
template <typename Run>
Speed measure(size_t tokens, size_t repeats, const Run& seconds_of) {
  seconds_of();
  std::vector<double> seconds(repeats);
  for (double& taken : seconds) taken = seconds_of();
  return speed_of(tokens, seconds);
}

/// Tokens without meaning, below `vocabulary`: the same in every run.
std::vector<int32_t> made_up_tokens(size_t count, uint32_t vocabulary);

/// Seconds that a prompt takes from empty state to the logits of its last token, [vocabulary];
/// null: they are not copied.
double prefill_seconds(Session& session, const std::vector<int32_t>& tokens, float* logits);

/// Seconds that an encoder takes for one text.
double encode_seconds(Session& session, const std::vector<int32_t>& tokens);

/// How often a token that runs alone wakes the session's other threads and waits for them.
uint64_t fork_joins_per_token(Session& session, std::vector<float>& logits);

/// Seconds for `count` tokens one by one from empty state; every token is the argmax of the logits
/// before it, as in a greedy generation.
double decode_seconds(Session& session, size_t count, std::vector<float>& logits);

}  // namespace linnet::cli
