#include "runtime/exec/session.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

#include "platforms/threads.h"
#include "runtime/exec/operator_table.h"
#include "runtime/model/operator_name.h"
#include "runtime/ops/parallel.h"
#include "runtime/plan/arena.h"

namespace linnet {
namespace {

size_t aligned_object(size_t bytes) {
  constexpr size_t alignment = alignof(std::max_align_t);
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

Status Session::open(const Model& model, const linnet_session_options* options, std::byte* memory,
                     std::unique_ptr<Session>* out) {
  linnet_session_options complete;
  Status status = complete_options(model.graph(), options, &complete);
  if (status.failed()) return status;
  std::unique_ptr<Session> session(new (std::nothrow) Session(model));
  if (session == nullptr) return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a session");
  session->options_ = complete;
  session->decode_limits_ = limits_of(model.graph(), model.graph().decode);
  session->encode_limits_ = limits_of(model.graph(), model.graph().encode);
  session->reruns_text_ = reruns_text(model.graph());
  status = plan_session(model.graph(), complete, &session->plan_);
  if (!status.failed()) status = session->take_memory(memory);
  if (!status.failed()) status = session->start_threads(complete.threads);
  if (!status.failed()) status = session->prepare_operators();
  if (!status.failed()) *out = std::move(session);
  return status;
}

Status Session::fork(std::byte* memory, std::unique_ptr<Session>* out) const {
  std::unique_ptr<Session> copy;
  const Status status = open(model_, &options_, memory, &copy);
  if (status.failed()) return status;
  std::memcpy(copy->memory_, memory_, plan_.arena_offset());
  copy->go_to(position_, source_tokens_);
  copy->written_ = written_;
  copy->hypotheses_ = hypotheses_;
  copy->checkpoints_.copy(checkpoints_);
  *out = std::move(copy);
  return Status::ok();
}

Session::~Session() {
  for (Operation* operation : operations_) {
    if (operation != nullptr) operation->~Operation();
  }
  if (threads_ != nullptr) pthreadpool_destroy(threads_);
}

Status Session::take_memory(std::byte* memory) {
  if (memory != nullptr) {
    if (reinterpret_cast<uintptr_t>(memory) % arena_alignment != 0) {
      return Status::error(LINNET_INVALID_ARGUMENT, "the session's memory is not %zu-byte aligned",
                           arena_alignment);
    }
    memory_ = memory;
    std::memset(memory_, 0, plan_.state_bytes);
    return Status::ok();
  }
  if (own_memory_.allocate(plan_.total_bytes())) {
    memory_ = own_memory_.data();
    own_memory_.expect(plan_.recurrent_bytes);
    write_states();
    return Status::ok();
  }
  return Status::error(LINNET_OUT_OF_MEMORY,
                       "no memory for %zu bytes of state and checkpoints and %zu of arena",
                       plan_.arena_offset(), plan_.arena_bytes);
}

/// The pages are zeros already. But those of a state that is read before it is written would first
/// be mapped to the system's page of zeros, and changing that under running threads interrupts all
/// of them, page by page. Rings are written first, and only as far as the text goes.
void Session::write_states() { std::memset(memory_, 0, plan_.recurrent_bytes); }

Status Session::start_threads(uint32_t threads) {
  if (threads <= 1) return Status::ok();
  // Of its threads pthreadpool takes for granted that they start, and waits for them.
  if (platform::can_start_threads(threads - 1)) threads_ = pthreadpool_create(threads);
  return threads_ != nullptr
             ? Status::ok()
             : Status::error(LINNET_OUT_OF_MEMORY, "%u threads could not be started", threads);
}

Status Session::prepare_operators() {
  const Graph& graph = model_.graph();
  size_t bytes = 0;
  for (const Operator& op : graph.operators) bytes += aligned_object(entry_of(op).object_bytes);
  const bool has_batches = graph.encode.exists() || plan_.beams > 1 || options_.batch > 1;
  if (!addresses_.allocate(graph.tensors.size()) || !objects_.allocate(bytes) ||
      !operations_.allocate(graph.operators.size()) ||
      !texts_.allocate(has_batches ? plan_.largest.texts : 0) ||
      !streams_.allocate(options_.batch) || !checkpoints_.open(plan_.checkpoint_slots) ||
      !new_paths_.allocate(plan_.beams * plan_.path_tokens)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu operators",
                         graph.operators.size());
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const size_t offset = plan_.tensor_offsets[i];
    addresses_[i] =
        offset != SessionPlan::no_offset
            ? memory_ + offset
            : const_cast<std::byte*>(static_cast<const std::byte*>(graph.tensors[i].data));
  }
  const SessionMemory memory = {.graph = &graph,
                                .packed_weights = &model_.packed_weights(),
                                .addresses = addresses_.span(),
                                .largest = plan_.largest,
                                .spare_ring_rows = plan_.spare_ring_rows,
                                .threads = threads_};
  std::byte* object = objects_.data();
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    const Operator& op = graph.operators[i];
    operations_[i] = entry_of(op).create(object);
    object += aligned_object(entry_of(op).object_bytes);
  }
  return prepare_all(memory);
}

/// On all threads: XNNPACK looks at every scale of an int4 matrix when it makes an operator.
Status Session::prepare_all(const SessionMemory& memory) {
  const Graph& graph = model_.graph();
  const size_t count = graph.operators.size();
  const linnet_allocator* allocator = AllocatorScope::current();
  std::mutex mutex;
  size_t failed = count;
  linnet_status code = LINNET_OK;
  linnet_message message;  // a status has it on its own thread alone
  const auto prepare = [&](size_t i) {
    const AllocatorScope scope(allocator);
    const size_t scratch = plan_.scratch_offsets[i];
    const Status status = operations_[i]->prepare(
        Bindings(memory, graph.operators[i],
                 scratch != SessionPlan::no_offset ? memory_ + scratch : nullptr));
    if (!status.failed()) return;
    const std::lock_guard lock(mutex);
    if (i > failed) return;  // the first of several is told, whichever thread was faster
    failed = i;
    code = status.code();
    const Status named = name_operator(status, graph.operators[i]);
    std::snprintf(message.text, sizeof message.text, "%s", named.message());
  };
  parallel_tiles(threads_, count, /*tile=*/1, [&](size_t first, size_t tile) {
    for (size_t i = first; i < first + tile; ++i) prepare(i);
  });
  return code == LINNET_OK ? Status::ok() : Status::error(code, "%s", message.text);
}

Status Session::check_length(size_t count) const {
  const size_t limit = decode_limits_.positions;
  if (limit != 0 && (position_ > limit || count > limit - position_)) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the model has positions for %zu tokens: %" PRIu64
                         " have run, %zu more are too many",
                         limit, position_, count);
  }
  if (plan_.path_tokens != 0 && count > plan_.path_tokens - position_) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "hypotheses of this session have room for %zu tokens: %" PRIu64
                         " have run, %zu more are too many",
                         plan_.path_tokens, position_, count);
  }
  if (model_.graph().encode.exists() && source_tokens_ == 0) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the decoder needs an encoded text first: call linnet_encode");
  }
  return Status::ok();
}

Status Session::run(std::span<const int32_t> tokens, float* logits) {
  if (!model_.graph().decode.exists()) return encode_one(tokens, logits);
  Status invalid = decode_limits_.check_tokens(tokens);
  if (!invalid.failed()) invalid = check_length(tokens.size());
  if (invalid.failed()) return invalid;
  if (tokens.empty() && logits != nullptr) {
    return Status::error(LINNET_INVALID_ARGUMENT, "logits are asked for, but there is no token");
  }
  return reruns_text_ ? run_as_one_text(tokens, logits) : run_in_chunks(tokens, logits);
}

Status Session::run_in_chunks(std::span<const int32_t> tokens, float* logits) {
  for (size_t done = 0; done < tokens.size();) {
    const size_t count = std::min(plan_.largest.tokens, tokens.size() - done);
    const bool is_last = done + count == tokens.size();
    size_t rows = 0;
    if (logits != nullptr) rows = options_.all_logits ? count : static_cast<size_t>(is_last);
    Status status = run_chunk(tokens.subspan(done, count), rows);
    if (status.failed()) return status;
    copy_logits(rows, logits, options_.all_logits ? done : 0);
    done += count;
    status = report_progress(done, tokens.size());
    if (status.failed()) return status;
  }
  return Status::ok();
}

/// Every row of logits is that of the text up to its token, so that with all_logits the tokens run
/// one by one. The text never exceeds a chunk: complete_options has seen to that.
Status Session::run_as_one_text(std::span<const int32_t> tokens, float* logits) {
  const size_t rows = logits != nullptr ? 1 : 0;
  for (size_t done = 0; done < tokens.size();) {
    const size_t count = rows > 0 && options_.all_logits ? 1 : tokens.size() - done;
    const auto part = tokens.subspan(done, count);
    std::copy(part.begin(), part.end(), history() + position_);
    bool is_outdated = false;
    Status status = run_chunk(part, rows, &is_outdated);
    if (!status.failed() && is_outdated) status = rerun(rows);
    if (status.failed()) return status;
    copy_logits(rows, logits, options_.all_logits ? done : 0);
    done += count;
    status = report_progress(done, tokens.size());
    if (status.failed()) return status;
  }
  return Status::ok();
}

/// All tokens so far, in one chunk from an empty state.
Status Session::rerun(size_t logits_rows) {
  const auto count = static_cast<size_t>(position_);
  std::memset(memory_, 0, plan_.history_offset);
  position_ = 0;
  // What rings hold of earlier tokens is no longer what it was when a checkpoint was made.
  if (!plan_.row_states.empty()) checkpoints_.clear();
  return run_chunk({history(), count}, logits_rows);
}

/// The chunk's logits to rows [first, first + rows) of the caller's.
void Session::copy_logits(size_t rows, float* logits, size_t first) const {
  if (rows == 0) return;
  const Graph& graph = model_.graph();
  const std::byte* from = addresses_[static_cast<size_t>(graph.decode.outputs[0].tensor)];
  std::memcpy(logits + first * graph.vocabulary, from, rows * graph.vocabulary * sizeof(float));
}

Status Session::report_progress(size_t done, size_t total) const {
  if (progress_ == nullptr || progress_(done, total, progress_context_)) return Status::ok();
  return Status::error(LINNET_CANCELLED, "cancelled after %zu of %zu tokens", done, total);
}

Status Session::run_chunk(std::span<const int32_t> tokens, size_t logits_rows, bool* is_outdated) {
  const EntryPoint& decode = model_.graph().decode;
  const TextRows rows = {.first = 0, .count = tokens.size()};
  Chunk chunk = {.extents = {.tokens = tokens.size(),
                             .logits_rows = logits_rows,
                             .context = plan_.largest.context,
                             .texts = 1,
                             .source = source_tokens_},
                 .position = position_,
                 .texts = {&rows, 1},
                 .paths = plan_.path_tokens != 0 ? paths() : nullptr,
                 .path_stride = plan_.path_tokens};
  chunk.is_outdated = is_outdated;
  if (chunk.paths != nullptr) extend_first_path(tokens.size());
  written_ = std::max(written_, position_ + tokens.size());
  std::memcpy(addresses_[static_cast<size_t>(decode.tokens)], tokens.data(), tokens.size_bytes());
  encoded_ = {};
  const Status status = run_operators(decode, chunk);
  if (!status.failed()) position_ += tokens.size();
  return status;
}

Status Session::run_operators(const EntryPoint& entry, const Chunk& chunk) {
  size_t next = 0;
  for (size_t i = entry.first_operator; i < entry.end_operator; i = next) {
    if (is_stopped()) return stop();
    // To tell operators' times apart, each runs alone.
    const PassKind kind = operator_callback_ == nullptr ? plan_.passes[i].kind : PassKind::single;
    next = kind == PassKind::single ? i + 1 : plan_.passes[i].end;
    if (kind == PassKind::rows) run_row_pass(i, next, chunk);
    if (kind == PassKind::products) run_products(i, next, chunk);
    if (kind != PassKind::single) continue;
    const Status status = run_operator(i, chunk);
    if (status.failed()) return name_operator(status, model_.graph().operators[i]);
  }
  return Status::ok();
}

/// Some operators have seen the chunk and some have not: nothing can go on from there.
Status Session::stop() {
  is_cancelled_.store(false, std::memory_order_relaxed);
  reset();
  for (Session* session : batch_) {
    session->is_cancelled_.store(false, std::memory_order_relaxed);
    session->reset();
  }
  return Status::error(LINNET_CANCELLED, "cancelled; the state is empty");
}

Status Session::run_operator(size_t index, const Chunk& chunk) {
  if (operator_callback_ == nullptr) return operations_[index]->run(chunk);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  const Status status = operations_[index]->run(chunk);
  const auto taken = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
  const Operator& op = model_.graph().operators[index];
  // A name is a string of the file's header, which ends with a zero byte.
  const linnet_operator_run run = {.index = index,
                                   .name = op.name.data(),
                                   .kind = entry_of(op).name,
                                   .nanoseconds = static_cast<uint64_t>(taken.count())};
  if (!status.failed()) operator_callback_(&run, operator_context_);
  return status;
}

void Session::reset() {
  std::memset(memory_, 0, plan_.state_bytes);
  go_to(0, 0);
  written_ = 0;
  hypotheses_ = 1;
}

void Session::on_progress(linnet_run_progress progress, void* context) {
  progress_ = progress;
  progress_context_ = context;
}

void Session::on_operator(linnet_operator_callback callback, void* context) {
  operator_callback_ = callback;
  operator_context_ = context;
}

}  // namespace linnet
