#include <linnet/linnet.h>

#include <new>
#include <utility>

#include "platforms/platform.h"
#include "runtime/api/arguments.h"
#include "runtime/api/handles.h"
#include "runtime/exec/state.h"

namespace linnet {
namespace {

Status plan(const linnet_model& model, const linnet_session_options* options, linnet_memory* out) {
  const AllocatorScope scope(&model.allocator);
  const Graph& graph = model.model->graph();
  linnet_session_options complete;
  Status status = complete_options(graph, options, &complete);
  if (status.failed()) return status;
  SessionPlan plan;
  status = plan_session(graph, complete, &plan);
  if (status.failed()) return status;
  *out = {.state_bytes = plan.state_bytes,
          .arena_bytes = plan.arena_bytes,
          .total_bytes = plan.total_bytes(),
          .checkpoint_bytes = plan.checkpoint_bytes,
          .one_checkpoint_bytes = plan.recurrent_bytes};
  return Status::ok();
}

void log_session(const Log& log, const Session& session) {
  const linnet_session_options& options = session.options();
  const SessionPlan& plan = session.plan();
  const unsigned processors = platform::processor_count();
  log.info(
      "session: threads %u of %u processors, %u of them fast; chunk %u, context %u; %zu bytes "
      "of state, %zu of arena",
      options.threads, processors, platform::fast_processor_count(), options.chunk, options.context,
      plan.state_bytes, plan.arena_bytes);
  if (options.threads > processors) {
    log.warning("session: %u threads wait for each other on %u processors", options.threads,
                processors);
  }
}

Status open(const linnet_model* model, const linnet_session_options* options, void* memory,
            linnet_session** out) {
  const AllocatorScope scope(&model->allocator);
  std::unique_ptr<linnet_session> handle(new (std::nothrow) linnet_session);
  if (handle == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a session");
  handle->model = model;
  const Status status =
      Session::open(*model->model, options, static_cast<std::byte*>(memory), &handle->session);
  if (status.failed()) return status;
  log_session(model->log, *handle->session);
  *out = handle.release();
  return status;
}

Status fork(const linnet_session* session, void* memory, linnet_session** out) {
  const AllocatorScope scope(&session->model->allocator);
  std::unique_ptr<linnet_session> handle(new (std::nothrow) linnet_session);
  if (handle == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a session");
  handle->model = session->model;
  const Status status = session->session->fork(static_cast<std::byte*>(memory), &handle->session);
  if (!status.failed()) *out = handle.release();
  return status;
}

/// The sessions behind handles, some at a time on the stack: nothing allocates.
Status run_batch(linnet_session* const* handles, const int32_t* tokens, size_t count,
                 float* logits) {
  constexpr size_t most_sessions = 1024;  // as many as complete_options lets a batch have
  if (count > most_sessions) {
    return Status::error(LINNET_INVALID_ARGUMENT, "a batch of %zu sessions, at most %zu can run",
                         count, most_sessions);
  }
  Session* sessions[most_sessions];
  for (size_t i = 0; i < count; ++i) {
    if (handles[i] == nullptr) return missing_argument().within("session %zu: ", i);
    sessions[i] = handles[i]->session.get();
  }
  return Session::run_batch({sessions, count}, {tokens, count}, logits);
}

}  // namespace
}  // namespace linnet

extern "C" {

linnet_session_options linnet_session_options_defaults(void) { return linnet_session_options{}; }

linnet_status linnet_session_bytes(const linnet_model* model, const linnet_session_options* options,
                                   linnet_memory* out, linnet_message* why) {
  if (model == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::plan(*model, options, out), why);
}

linnet_status linnet_session_open(const linnet_model* model, const linnet_session_options* options,
                                  void* memory, linnet_session** out, linnet_message* why) {
  if (model == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::open(model, options, memory, out), why);
}

linnet_status linnet_session_fork(const linnet_session* session, void* memory, linnet_session** out,
                                  linnet_message* why) {
  if (session == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::fork(session, memory, out), why);
}

void linnet_session_close(linnet_session* session) { delete session; }

linnet_status linnet_run(linnet_session* session, const int32_t* tokens, size_t count,
                         float* logits, linnet_message* why) {
  if (session == nullptr || (tokens == nullptr && count > 0)) {
    return linnet::report(linnet::missing_argument(), why);
  }
  return linnet::report(session->session->run({tokens, count}, logits), why);
}

linnet_status linnet_run_beams(linnet_session* session, const int32_t* tokens,
                               const uint32_t* parents, size_t count, float* logits,
                               linnet_message* why) {
  if (session == nullptr || tokens == nullptr || parents == nullptr || logits == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  return linnet::report(session->session->run_beams({tokens, count}, {parents, count}, logits),
                        why);
}

linnet_status linnet_run_batch(linnet_session* const* sessions, const int32_t* tokens, size_t count,
                               float* logits, linnet_message* why) {
  if ((sessions == nullptr || tokens == nullptr) && count > 0) {
    return linnet::report(linnet::missing_argument(), why);
  }
  return linnet::report(linnet::run_batch(sessions, tokens, count, logits), why);
}

linnet_status linnet_encode(linnet_session* session, const linnet_texts* texts,
                            linnet_message* why) {
  if (session == nullptr || texts == nullptr || texts->tokens == nullptr ||
      texts->lengths == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  return linnet::report(session->session->encode(*texts), why);
}

linnet_status linnet_session_output(const linnet_session* session, size_t index, linnet_output* out,
                                    linnet_message* why) {
  if (session == nullptr || out == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(session->session->output(index, out), why);
}

void linnet_session_cancel(linnet_session* session) { session->session->cancel(); }

void linnet_session_on_progress(linnet_session* session, linnet_run_progress progress,
                                void* context) {
  session->session->on_progress(progress, context);
}

void linnet_session_on_operator(linnet_session* session, linnet_operator_callback callback,
                                void* context) {
  session->session->on_operator(callback, context);
}

uint64_t linnet_session_position(const linnet_session* session) {
  return session->session->position();
}

void linnet_session_reset(linnet_session* session) { session->session->reset(); }

size_t linnet_state_bytes(const linnet_session* session) {
  return linnet::saved_state_bytes(*session->session);
}

linnet_status linnet_state_save(const linnet_session* session, void* bytes, size_t size,
                                linnet_message* why) {
  if (session == nullptr || bytes == nullptr)
    return linnet::report(linnet::missing_argument(), why);
  return linnet::report(
      linnet::save_state(*session->session, {static_cast<std::byte*>(bytes), size}), why);
}

linnet_status linnet_state_load(linnet_session* session, const void* bytes, size_t size,
                                linnet_message* why) {
  if (session == nullptr || bytes == nullptr)
    return linnet::report(linnet::missing_argument(), why);
  return linnet::report(
      linnet::load_state({static_cast<const std::byte*>(bytes), size}, session->session.get()),
      why);
}

linnet_status linnet_state_save_file(const linnet_session* session, const char* path,
                                     linnet_message* why) {
  if (session == nullptr || path == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::save_state_file(*session->session, path), why);
}

linnet_status linnet_state_load_file(linnet_session* session, const char* path,
                                     linnet_message* why) {
  if (session == nullptr || path == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::load_state_file(path, session->session.get()), why);
}

linnet_status linnet_session_checkpoint(linnet_session* session, linnet_message* why) {
  if (session == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(session->session->checkpoint(), why);
}

linnet_status linnet_session_rewind(linnet_session* session, uint64_t position,
                                    uint64_t* replay_from, linnet_message* why) {
  if (session == nullptr || replay_from == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  return linnet::report(session->session->rewind(position, replay_from), why);
}

}  // extern "C"
