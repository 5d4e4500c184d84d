#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/status.h"
#include "runtime/exec/session.h"

namespace linnet {

/// Bytes of a saved state: a small header (version, model, position, capacities), then the values.
size_t saved_state_bytes(const Session& session);

/// `out` has saved_state_bytes.
Status save_state(const Session& session, std::span<std::byte> out);

/// Replaces the session's state. Refuses, and changes nothing, if `saved` is damaged or comes from
/// another model or another context capacity.
Status load_state(std::span<const std::byte> saved, Session* session);

}  // namespace linnet
