#include "runtime/exec/state.h"

#include <cinttypes>
#include <cstring>

#include "platforms/platform.h"
#include "runtime/exec/state_parts.h"

namespace linnet {
namespace {

constexpr char magic[8] = {'L', 'N', 'N', 'T', 'S', 'T', 'A', 'T'};
constexpr uint32_t version = 3;
// Positions are turned into angles as doubles: up to here each is exact.
constexpr uint64_t latest_position = uint64_t{1} << 53;

struct SavedHeader {
  char magic[8];
  uint32_t version;
  uint32_t beams;
  uint64_t fingerprint;  // of the model
  uint64_t position;
  uint64_t source_tokens;
  uint64_t context;
  uint64_t bytes;  // of all, this header included
};

size_t bytes_at(const Session& session, StreamPoint at) {
  size_t total = sizeof(SavedHeader);
  for_each_state_part(session.plan(), session.state(), at,
                      [&total](const std::byte*, size_t bytes) { total += bytes; });
  return total;
}

StreamPoint point_of(const Session& session) {
  return {session.position(), session.source_tokens()};
}

SavedHeader header_of(const Session& session) {
  SavedHeader header = {};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = version;
  header.beams = static_cast<uint32_t>(session.beams());
  header.fingerprint = session.model().fingerprint();
  header.position = session.position();
  header.source_tokens = session.source_tokens();
  header.context = session.largest().context;
  header.bytes = bytes_at(session, point_of(session));
  return header;
}

/// That the state is one of this session's model and capacities.
Status check_origin(const SavedHeader& header, const SavedHeader& own) {
  if (std::memcmp(header.magic, magic, sizeof magic) != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "these bytes are not a saved state");
  }
  if (header.version != version) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the saved state has version %" PRIu32 "; this runtime reads %" PRIu32,
                         header.version, version);
  }
  if (header.fingerprint != own.fingerprint) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state is another model's: its hash is %016" PRIx64
                         ", this one's %016" PRIx64,
                         header.fingerprint, own.fingerprint);
  }
  if (header.beams != own.beams) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state is of %" PRIu32 " beams, the session has %" PRIu32,
                         header.beams, own.beams);
  }
  if (header.context != own.context) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state is of a context of %" PRIu64
                         " tokens, the session's is %" PRIu64,
                         header.context, own.context);
  }
  return Status::ok();
}

Status check_point(const Session& session, StreamPoint at) {
  if (at.position > latest_position) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state claims %" PRIu64 " tokens, more than can be counted",
                         at.position);
  }
  const SessionPlan& plan = session.plan();
  if (plan.path_tokens != 0 && at.position > plan.path_tokens) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state claims %" PRIu64 " tokens, there is room for %zu",
                         at.position, plan.path_tokens);
  }
  const bool has_source = session.model().graph().encode.exists();
  const uint64_t room = has_source ? plan.largest.source : 0;
  if (at.source_tokens > room) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state claims %" PRIu64
                         " encoded tokens, there is room for "
                         "%" PRIu64,
                         at.source_tokens, room);
  }
  return Status::ok();
}

/// The ids and the paths at the end of a saved state.
Status check_end(const Session& session, std::span<const std::byte> values, StreamPoint at) {
  const SessionPlan& plan = session.plan();
  const size_t history = kept_history(plan, at) * sizeof(int32_t);
  const size_t paths =
      plan.path_tokens == 0 ? 0 : plan.beams * static_cast<size_t>(at.position) * sizeof(uint32_t);
  const auto end = values.last(history + paths);
  return session.check_saved(end.first(history), end.last(paths));
}

}  // namespace

size_t saved_state_bytes(const Session& session) { return bytes_at(session, point_of(session)); }

Status save_state(const Session& session, std::span<std::byte> out) {
  const SavedHeader header = header_of(session);
  if (out.size() < header.bytes) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "a saved state takes %" PRIu64 " bytes, room is for %zu", header.bytes,
                         out.size());
  }
  std::byte* to = out.data();
  const auto put = [&to](const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
    to += bytes;
  };
  put(&header, sizeof header);
  for_each_state_part(session.plan(), session.state(), point_of(session), put);
  return Status::ok();
}

Status load_state(std::span<const std::byte> saved, Session* session) {
  SavedHeader header;
  if (saved.size() < sizeof header)
    return Status::error(LINNET_INVALID_ARGUMENT, "the saved state is cut short");
  std::memcpy(&header, saved.data(), sizeof header);
  const StreamPoint at = {header.position, header.source_tokens};
  Status status = check_origin(header, header_of(*session));
  if (!status.failed()) status = check_point(*session, at);
  if (status.failed()) return status;
  const size_t expected = bytes_at(*session, at);
  if (saved.size() != expected || header.bytes != expected) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state has %zu bytes and claims %" PRIu64
                         ", where %zu belong at its position",
                         saved.size(), header.bytes, expected);
  }
  std::span<const std::byte> values = saved.subspan(sizeof header);
  status = check_end(*session, values, at);
  if (status.failed()) return status;
  for_each_state_part(session->plan(), session->state(), at,
                      [&values](std::byte* to, size_t bytes) {
                        std::memcpy(to, values.data(), bytes);
                        values = values.subspan(bytes);
                      });
  session->go_to(header.position, header.source_tokens);
  return Status::ok();
}

Status save_state_file(const Session& session, const char* path) {
  platform::NewFile file;
  Status status = file.create(path);
  if (status.failed()) return status;
  const SavedHeader header = header_of(session);
  status = file.write(&header, sizeof header);
  for_each_state_part(session.plan(), session.state(), point_of(session),
                      [&](const std::byte* from, size_t bytes) {
                        if (!status.failed()) status = file.write(from, bytes);
                      });
  return status.failed() ? status : file.commit();
}

Status load_state_file(const char* path, Session* session) {
  platform::FileMapping mapping;
  Status status = platform::FileMapping::open(path, &mapping);
  // To a mapping, a file of nothing is a damaged model.
  if (status.code() == LINNET_INVALID_MODEL) {
    return Status::error(LINNET_INVALID_ARGUMENT, "%s", status.message());
  }
  if (status.failed()) return status;
  status = load_state({mapping.data(), mapping.size()}, session);
  return status.failed() ? status.within("%s: ", path) : status;
}

}  // namespace linnet
