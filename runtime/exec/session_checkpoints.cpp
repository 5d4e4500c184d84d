// Going back in a stream. What every token overwrites (fast weights, tails of convolutions) is
// copied into a checkpoint's slot. The rows of KV rings need no copy: those before a position stay
// as they were until the ring comes round to them, and plan.spare_ring_rows put that off.

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "runtime/exec/session.h"

namespace linnet {

Status Session::checkpoint() {
  if (plan_.recurrent_bytes == 0) return Status::ok();
  if (plan_.checkpoint_slots == 0) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the session has no room for a checkpoint of %zu bytes: open it with "
                         "checkpoint_bytes",
                         plan_.recurrent_bytes);
  }
  // There is always a way back to an empty state.
  if (position_ == 0) return Status::ok();
  std::memcpy(snapshot(checkpoints_.add(position_)), memory_, plan_.recurrent_bytes);
  return Status::ok();
}

/// Whether all rows that the token at `position` sees are still in the rings: row n holds token n
/// until token n + rows is written.
bool Session::has_rows_for(uint64_t position) const {
  return position == 0 ||
         std::all_of(plan_.row_states.begin(), plan_.row_states.end(), [&](const RowState& state) {
           const uint64_t first = position + 1 > state.seen ? position + 1 - state.seen : 0;
           return !state.is_ring || written_ <= first + state.rows;
         });
}

Status Session::rewind(uint64_t position, uint64_t* replay_from) {
  if (position > position_) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "cannot go back to position %" PRIu64 ", the session is at %" PRIu64,
                         position, position_);
  }
  *replay_from = position;
  if (position == position_) return Status::ok();
  const Checkpoints::Entry* entry = checkpoints_.latest(position);
  uint64_t reached = 0;
  if (plan_.recurrent_bytes == 0) {
    reached = position;
  } else if (entry != nullptr) {
    reached = entry->position;
  }
  // The rows that an earlier checkpoint needs are older yet.
  if (!has_rows_for(reached)) reached = 0;
  if (plan_.recurrent_bytes > 0 && reached > 0) {
    std::memcpy(memory_, snapshot(entry->slot), plan_.recurrent_bytes);
  } else if (reached == 0) {
    std::memset(memory_, 0, plan_.recurrent_bytes);
  }
  checkpoints_.drop_after(reached);
  position_ = reached;
  hypotheses_ = 1;
  encoded_ = {};
  *replay_from = reached;
  return Status::ok();
}

Status Session::check_saved(std::span<const std::byte> history,
                            std::span<const std::byte> paths) const {
  for (size_t i = 0; i < history.size(); i += sizeof(int32_t)) {
    int32_t token = 0;
    std::memcpy(&token, history.data() + i, sizeof token);
    const Status status = decode_limits_.check_tokens({&token, 1});
    if (status.failed()) return status.within("the saved state: ");
  }
  for (size_t i = 0; i < paths.size(); i += sizeof(uint32_t)) {
    uint32_t row = 0;
    std::memcpy(&row, paths.data() + i, sizeof row);
    if (row < plan_.largest.context) continue;
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state has a token in row %" PRIu32 " of rings of %zu", row,
                         plan_.largest.context);
  }
  return Status::ok();
}

}  // namespace linnet
