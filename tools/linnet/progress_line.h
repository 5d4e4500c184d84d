#pragma once

#include <chrono>
#include <string>

namespace linnet::cli {

/// A line on standard error that shows how much of a long task is done: only on a terminal, only
/// once it has taken a while, and gone when the task is.
class ProgressLine {
 public:
  explicit ProgressLine(std::string label);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// `done` from 0 to 1; `detail` says what is at hand.
  void update(double done, const std::string& detail = "");

  /// Takes the line away, so that other output can follow.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  bool terminal_ = false;
  bool drawn_ = false;
  Clock::time_point next_;  // no drawing before then
};

}  // namespace linnet::cli
