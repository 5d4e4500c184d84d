#pragma once

#include <cstddef>
#include <cstdint>
#include <linnet/linnet.hpp>

#include "tools/linnet/timed_runs.h"

namespace linnet::cli {

/// Tokens per second of all sessions together, when `sessions` of them run `count` tokens each side
/// by side. The first has the options given, and lends its arena.
Speed measure_batch(const Model& model, const linnet_session_options& options, uint32_t sessions,
                    size_t count, size_t repeats);

}  // namespace linnet::cli
