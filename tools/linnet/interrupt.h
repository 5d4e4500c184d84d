#pragma once

namespace linnet::cli {

inline constexpr int interrupted_exit = 130;  // as shells have it: 128 + SIGINT

/// While one lives, the first Ctrl-C only sets a flag; a second one ends the process.
class InterruptWatch {
 public:
  InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  ~InterruptWatch();

  /// Since the watch began.
  static bool interrupted();
};

}  // namespace linnet::cli
