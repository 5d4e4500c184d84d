#pragma once

#include <linnet/linnet.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/base/array.h"
#include "runtime/base/memory.h"
#include "runtime/base/status.h"
#include "runtime/exec/checkpoints.h"
#include "runtime/exec/entry_limits.h"
#include "runtime/exec/session_plan.h"
#include "runtime/model/model.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/row_operation.h"
#include "runtime/ops/xnn_linear.h"

namespace linnet {

/// One stream of tokens through a model: its state, its arena and its prepared operators. Belongs
/// to one thread at a time. Allocates when it opens and never again.
class Session : public FromAllocator {
 public:
  /// `memory` is null or a 64-byte aligned block of the plan's total_bytes that outlives the
  /// session.
  static Status open(const Model& model, const linnet_session_options* options, std::byte* memory,
                     std::unique_ptr<Session>* out);

  /// Another session with the same options and a copy of the state and its checkpoints.
  Status fork(std::byte* memory, std::unique_ptr<Session>* out) const;

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Runs tokens in chunks; `logits` is null, or as linnet_run says.
  Status run(std::span<const int32_t> tokens, float* logits);

  /// Runs a token of each of several hypotheses, as linnet_run_beams says.
  Status run_beams(std::span<const int32_t> tokens, std::span<const uint32_t> parents,
                   float* logits);

  /// Runs a token of each of several sessions of one model, as linnet_run_batch says.
  static Status run_batch(std::span<Session* const> sessions, std::span<const int32_t> tokens,
                          float* logits);

  /// Runs an encoder over a batch of texts, as linnet_encode says.
  Status encode(const linnet_texts& texts);

  /// What the last encode made; nothing after another run.
  Status output(size_t index, linnet_output* out) const;

  /// That the tokens and the paths of a saved state are what runs could have left there.
  Status check_saved(std::span<const std::byte> history, std::span<const std::byte> paths) const;

  void reset();

  /// Notes where the stream stands, as linnet_session_checkpoint says.
  Status checkpoint();

  /// Goes back, as linnet_session_rewind says.
  Status rewind(uint64_t position, uint64_t* replay_from);

  /// Makes the run of this session, or the next one, stop before its next operator and empty the
  /// state. From any thread.
  void cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  void on_progress(linnet_run_progress progress, void* context);
  void on_operator(linnet_operator_callback callback, void* context);

  /// The state region, which the plan says the parts of: all that the session remembers beside its
  /// position.
  std::byte* state() const { return memory_; }
  const SessionPlan& plan() const { return plan_; }
  const linnet_session_options& options() const { return options_; }
  uint64_t position() const { return position_; }
  /// Tokens of the text that was encoded for the decoder; 0: none was.
  uint64_t source_tokens() const { return source_tokens_; }
  /// The state region has become another one. Its rings hold what is seen at the position, and
  /// nothing older.
  void go_to(uint64_t position, uint64_t source_tokens) {
    position_ = position;
    written_ = position + plan_.spare_ring_rows;
    source_tokens_ = static_cast<size_t>(source_tokens);
    hypotheses_ = plan_.beams;
    checkpoints_.clear();
  }

  const Model& model() const { return model_; }
  const Extents& largest() const { return plan_.largest; }
  size_t beams() const { return plan_.beams; }
  /// Tokens that a text or hypothesis may have; 0: any number.
  size_t most_tokens() const {
    const size_t positions = decode_limits_.positions;
    if (plan_.path_tokens == 0 || positions == 0) return std::max(plan_.path_tokens, positions);
    return std::min(plan_.path_tokens, positions);
  }
  bool gives_all_logits() const { return options_.all_logits; }

 private:
  explicit Session(const Model& model) : model_(model) {}

  Status take_memory(std::byte* memory);
  void write_states();
  Status start_threads(uint32_t threads);
  Status prepare_operators();
  Status prepare_all(const SessionMemory& memory);
  Status check_length(size_t count) const;
  Status encode_one(std::span<const int32_t> tokens, float* rows);
  Status measure_texts(const linnet_texts& texts, size_t* tokens);
  Status measure_text(const linnet_texts& texts, size_t first, size_t length, size_t* kept) const;
  void take_texts(const linnet_texts& texts);
  Status run_in_chunks(std::span<const int32_t> tokens, float* logits);
  Status run_as_one_text(std::span<const int32_t> tokens, float* logits);
  Status rerun(size_t logits_rows);
  Status run_chunk(std::span<const int32_t> tokens, size_t logits_rows,
                   bool* is_outdated = nullptr);
  Status run_operators(const EntryPoint& entry, const Chunk& chunk);
  RowOperation& row_operation(size_t index) const;
  void run_row_pass(size_t first, size_t end, const Chunk& chunk) const;
  void run_products(size_t first, size_t end, const Chunk& chunk) const;
  Linear& product(size_t index) const;
  void run_block(size_t index, const Chunk& chunk, size_t share, size_t first, size_t end) const;
  Status stop();
  Status check_beams(std::span<const int32_t> tokens, std::span<const uint32_t> parents) const;
  void extend_first_path(size_t count);
  void branch_paths(std::span<const uint32_t> parents);
  Status run_operator(size_t index, const Chunk& chunk);
  void copy_logits(size_t rows, float* logits, size_t first) const;
  bool is_stopped() const;
  Status check_batch(std::span<Session* const> sessions, std::span<const int32_t> tokens) const;
  Status check_batch_member(const Session& host, int32_t token) const;
  bool has_rows_for(uint64_t position) const;
  std::byte* snapshot(size_t slot) const {
    return memory_ + plan_.state_bytes + slot * plan_.recurrent_bytes;
  }
  Status report_progress(size_t done, size_t total) const;
  uint32_t* paths() const { return reinterpret_cast<uint32_t*>(memory_ + plan_.paths_offset); }
  int32_t* history() const { return reinterpret_cast<int32_t*>(memory_ + plan_.history_offset); }

  const Model& model_;
  SessionPlan plan_;
  linnet_session_options options_ = {};
  EntryLimits decode_limits_;
  EntryLimits encode_limits_;
  bool reruns_text_ = false;
  std::byte* memory_ = nullptr;
  Block own_memory_;  // empty: the caller's
  pthreadpool_t threads_ = nullptr;
  Array<std::byte*> addresses_;      // per tensor
  Array<std::byte> objects_;         // the memory of operations_
  Array<Operation*> operations_;     // in the order of execution
  Array<TextRows> texts_;            // of the batch that an encoder reads
  Array<uint32_t> new_paths_;        // as many as the plan has
  Extents encoded_;                  // of the last encode, if its outputs are still there
  Array<Stream> streams_;            // of a batch of sessions in this one's arena
  std::span<Session* const> batch_;  // while they run
  Checkpoints checkpoints_;
  uint64_t position_ = 0;
  uint64_t written_ = 0;  // the largest position since the state was empty, however rewound
  size_t source_tokens_ = 0;
  std::atomic<bool> is_cancelled_ = false;
  size_t hypotheses_ = 1;  // that may be continued
  linnet_run_progress progress_ = nullptr;
  void* progress_context_ = nullptr;
  linnet_operator_callback operator_callback_ = nullptr;
  void* operator_context_ = nullptr;
};

}  // namespace linnet
