#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/status.h"
#include "runtime/exec/session.h"

namespace linnet {

/// Bytes of a saved state at the session's position: a small header (version, model, position,
/// capacities), then the values; of rings the rows that are seen, in the order of their tokens.
size_t saved_state_bytes(const Session& session);

/// `out` has saved_state_bytes.
Status save_state(const Session& session, std::span<std::byte> out);

/// Replaces the session's state. Refuses, and changes nothing, if `saved` is damaged or comes from
/// another model or another context capacity.
Status load_state(std::span<const std::byte> saved, Session* session);

/// The same bytes to and from a file, which appears whole or not at all.
Status save_state_file(const Session& session, const char* path);
Status load_state_file(const char* path, Session* session);

}  // namespace linnet
