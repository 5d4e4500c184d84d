// Several sessions of one model, a token each: the token of session i is row i of a chunk in the
// arena of one of them. Operators without a state see a chunk like any other, so that every matrix
// is read once; those with one find each row's through Chunk::streams. All states are laid out
// alike, which makes a session's state one distance away from the other's.

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "runtime/exec/session.h"

namespace linnet {

Status Session::run_batch(std::span<Session* const> sessions, std::span<const int32_t> tokens,
                          float* logits) {
  const size_t count = sessions.size();
  if (count == 0) return Status::error(LINNET_INVALID_ARGUMENT, "there is no session to run");
  const auto found =
      std::find_if(sessions.begin(), sessions.end(),
                   [count](const Session* session) { return session->options_.batch >= count; });
  if (found == sessions.end()) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "none of the sessions was opened for a batch of %zu", count);
  }
  Session* const host = *found;
  Status status = host->check_batch(sessions, tokens);
  if (status.failed()) return status;
  for (size_t i = 0; i < count; ++i) {
    Session& session = *sessions[i];
    host->texts_[i] = {.first = i, .count = 1};
    host->streams_[i] = {.position = session.position_,
                         .source = session.source_tokens_,
                         .state = session.memory_ - host->memory_};
    session.written_ = std::max(session.written_, session.position_ + 1);
    session.encoded_ = {};
  }
  const EntryPoint& decode = host->model_.graph().decode;
  const Chunk chunk = {.extents = {.tokens = count,
                                   .logits_rows = logits != nullptr ? count : 0,
                                   .context = host->plan_.largest.context,
                                   .texts = count,
                                   .source = 0},
                       .position = host->position_,
                       .texts = {host->texts_.data(), count},
                       .streams = {host->streams_.data(), count}};
  std::memcpy(host->addresses_[static_cast<size_t>(decode.tokens)], tokens.data(),
              tokens.size_bytes());
  host->batch_ = sessions;
  status = host->run_operators(decode, chunk);
  host->batch_ = {};
  if (status.failed()) return status;
  for (Session* session : sessions) ++session->position_;
  if (logits != nullptr) host->copy_logits(count, logits, 0);
  return host->report_progress(1, 1);
}

/// Of a batch in this session's arena.
Status Session::check_batch(std::span<Session* const> sessions,
                            std::span<const int32_t> tokens) const {
  for (size_t i = 0; i < sessions.size(); ++i) {
    const auto rest = sessions.subspan(i + 1);
    Status status = std::find(rest.begin(), rest.end(), sessions[i]) == rest.end()
                        ? sessions[i]->check_batch_member(*this, tokens[i])
                        : Status::error(LINNET_INVALID_ARGUMENT, "it is in the batch twice");
    if (status.failed()) return status.within("session %zu: ", i);
  }
  return Status::ok();
}

Status Session::check_batch_member(const Session& host, int32_t token) const {
  if (&model_ != &host.model_) {
    return Status::error(LINNET_INVALID_ARGUMENT, "it is of another model");
  }
  if (plan_.path_tokens != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "it was opened for beams");
  }
  const bool is_alike = plan_.largest.context == host.plan_.largest.context &&
                        plan_.spare_ring_rows == host.plan_.spare_ring_rows &&
                        plan_.state_bytes == host.plan_.state_bytes;
  if (!is_alike) {
    return Status::error(
        LINNET_INVALID_ARGUMENT,
        "its state has another layout: it was opened with another context, rewind or, in an "
        "encoder-decoder, chunk");
  }
  if (!model_.graph().decode.exists() || reruns_text_) {
    return Status::error(LINNET_UNSUPPORTED, "its model cannot run in a batch of sessions");
  }
  const Status status = decode_limits_.check_tokens({&token, 1});
  return status.failed() ? status : check_length(1);
}

bool Session::is_stopped() const {
  return is_cancelled_.load(std::memory_order_relaxed) ||
         std::any_of(batch_.begin(), batch_.end(), [](const Session* session) {
           return session->is_cancelled_.load(std::memory_order_relaxed);
         });
}

}  // namespace linnet
