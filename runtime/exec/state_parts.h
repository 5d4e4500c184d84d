#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/exec/session_plan.h"

namespace linnet {

/// How far a stream has come.
struct StreamPoint {
  uint64_t position = 0;
  uint64_t source_tokens = 0;
};

/// Tokens that a session keeps the ids of; see SessionPlan::history_offset.
inline size_t kept_history(const SessionPlan& plan, StreamPoint at) {
  return static_cast<size_t>(std::min<uint64_t>(at.position, plan.history_tokens));
}

/// Calls part(first byte, bytes) for the rows that hold tokens [first, end) of a ring.
template <class Part>
void for_each_ring_part(const RowState& ring, std::byte* state, uint64_t first, uint64_t end,
                        const Part& part) {
  while (first < end) {
    const auto row = static_cast<size_t>(first % ring.rows);
    const uint64_t count = std::min<uint64_t>(end - first, ring.rows - row);
    part(state + ring.offset + row * ring.row_bytes, static_cast<size_t>(count) * ring.row_bytes);
    first += count;
  }
}

/// Calls part(first byte, bytes) for all that a state at a point of its stream consists of, in the
/// order in which it is saved. `state` is the state region of the plan. The ids of tokens and the
/// paths of hypotheses come last.
template <class Part>
void for_each_state_part(const SessionPlan& plan, std::byte* state, StreamPoint at,
                         const Part& part) {
  part(state, plan.recurrent_bytes);
  for (const RowState& rows : plan.row_states) {
    if (!rows.is_ring) {
      part(state + rows.offset, static_cast<size_t>(at.source_tokens) * rows.row_bytes);
    } else if (plan.path_tokens != 0) {
      // Token n of hypothesis i is in row n * beams + i.
      part(state + rows.offset, static_cast<size_t>(at.position) * plan.beams * rows.row_bytes);
    } else {
      const uint64_t kept = std::min<uint64_t>(at.position, rows.seen);
      for_each_ring_part(rows, state, at.position - kept, at.position, part);
    }
  }
  part(state + plan.history_offset, kept_history(plan, at) * sizeof(int32_t));
  if (plan.path_tokens == 0) return;
  for (size_t beam = 0; beam < plan.beams; ++beam) {
    part(state + plan.paths_offset + beam * plan.path_tokens * sizeof(uint32_t),
         static_cast<size_t>(at.position) * sizeof(uint32_t));
  }
}

}  // namespace linnet
