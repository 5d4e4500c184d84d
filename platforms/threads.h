#pragma once

namespace linnet::platform {

/// Whether `count` threads, at most 256, can be started now beside those there are; tries it out.
bool can_start_threads(unsigned count);

}  // namespace linnet::platform
