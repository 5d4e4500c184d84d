#pragma once

#include <cstdint>

namespace linnet::cli {

/// The threads that a session with these many runs on; 0 stands for one per core, at most 8, as in
/// linnet.h.
uint32_t session_threads(uint32_t threads);

/// How fast `threads` threads together read memory from its first byte to its last, in bytes per
/// second: the best of a few passes over a buffer far larger than the caches. Decoding can be no
/// faster than this over the bytes of the weights. Takes about a second. Throws std::bad_alloc.
double read_bandwidth(uint32_t threads);

}  // namespace linnet::cli
