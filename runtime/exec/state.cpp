#include "runtime/exec/state.h"

#include <cinttypes>
#include <cstring>

namespace linnet {
namespace {

constexpr char magic[8] = {'L', 'N', 'N', 'T', 'S', 'T', 'A', 'T'};
constexpr uint32_t version = 2;
// Positions are turned into angles as doubles: up to here each is exact.
constexpr uint64_t latest_position = uint64_t{1} << 53;

struct SavedHeader {
  char magic[8];
  uint32_t version;
  uint32_t beams;
  uint64_t fingerprint;
  uint64_t position;
  uint64_t source_tokens;
  uint64_t context;
  uint64_t state_bytes;
};

SavedHeader header_of(const Session& session) {
  SavedHeader header = {};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = version;
  header.beams = static_cast<uint32_t>(session.beams());
  header.fingerprint = session.model().fingerprint();
  header.position = session.position();
  header.source_tokens = session.source_tokens();
  header.context = session.largest().context;
  header.state_bytes = session.state().size();
  return header;
}

}  // namespace

size_t saved_state_bytes(const Session& session) {
  return sizeof(SavedHeader) + session.state().size();
}

Status save_state(const Session& session, std::span<std::byte> out) {
  if (out.size() < saved_state_bytes(session)) {
    return Status::error(LINNET_INVALID_ARGUMENT, "a saved state takes %zu bytes, room is for %zu",
                         saved_state_bytes(session), out.size());
  }
  const SavedHeader header = header_of(session);
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + sizeof header, session.state().data(), session.state().size());
  return Status::ok();
}

Status load_state(std::span<const std::byte> saved, Session* session) {
  SavedHeader header;
  if (saved.size() < sizeof header)
    return Status::error(LINNET_INVALID_ARGUMENT, "the saved state is cut short");
  std::memcpy(&header, saved.data(), sizeof header);
  const SavedHeader own = header_of(*session);
  if (std::memcmp(header.magic, magic, sizeof magic) != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "these bytes are not a saved state");
  }
  if (header.version != version) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the saved state has version %" PRIu32 "; this runtime reads %" PRIu32,
                         header.version, version);
  }
  if (header.fingerprint != own.fingerprint) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the saved state is another model's");
  }
  if (header.beams != own.beams) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state is of %" PRIu32 " beams, the session has %" PRIu32,
                         header.beams, own.beams);
  }
  if (header.context != own.context || header.state_bytes != own.state_bytes) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state is of a context of %" PRIu64
                         " tokens, the session's is %" PRIu64,
                         header.context, own.context);
  }
  if (header.position > latest_position) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state claims %" PRIu64 " tokens, more than can be counted",
                         header.position);
  }
  if (header.source_tokens > session->largest().source) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the saved state claims %" PRIu64 " encoded tokens, there is room for %zu",
                         header.source_tokens, session->largest().source);
  }
  if (saved.size() != sizeof header + own.state_bytes) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the saved state has %zu bytes where %zu belong",
                         saved.size(), sizeof header + session->state().size());
  }
  const Status status = session->check_saved(saved.subspan(sizeof header), header.position);
  if (status.failed()) return status;
  std::memcpy(session->state().data(), saved.data() + sizeof header, session->state().size());
  session->go_to(header.position, header.source_tokens);
  return Status::ok();
}

}  // namespace linnet
