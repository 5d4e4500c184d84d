#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace linnet::faults {

/// What the linked code asks of the C library (see faults.cpp) is counted and can be made to fail.
/// By any thread while it is watched.
struct Requests {
  size_t count = 0;    ///< requests for memory, and for threads where those are watched
  uint64_t bytes = 0;  ///< asked for in all, whether given back or not
  ptrdiff_t live = 0;  ///< blocks of malloc and pages that were given and not given back
  size_t threads = 0;  ///< pthread_create
  bool has_failed = false;
};

enum class Fault : uint8_t {
  none,
  once,    ///< request number `at` fails, counted from 0
  onwards  ///< and all after it
};

/// Watches from here to the end of its life. One at a time.
class Watch {
 public:
  explicit Watch(Fault fault = Fault::none, size_t at = 0);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  const Requests& requests() const;
};

/// Thread number `at` from here, counted from 0, cannot be started; a negative one: all can.
void fail_thread(int at);

/// Called before the next mapping of a file, once.
void before_next_file_mapping(std::function<void()> act);

}  // namespace linnet::faults
