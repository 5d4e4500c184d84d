#include "runtime/exec/session_plan.h"

#include <algorithm>
#include <cinttypes>

#include "platforms/platform.h"
#include "runtime/exec/entry_limits.h"
#include "runtime/exec/operator_table.h"
#include "runtime/plan/arena.h"

namespace linnet {
namespace {

constexpr uint32_t default_chunk = 256;
constexpr uint32_t default_encoder_chunk = 512;
constexpr uint32_t default_context = 2048;
constexpr uint32_t most_default_threads = 8;
constexpr uint32_t most_threads = 256;
constexpr uint32_t largest_chunk = 1 << 16;
constexpr uint32_t largest_context = 1 << 26;
constexpr uint32_t largest_batch = 1 << 10;
// Some SIMD and XNNPACK kernels read, but do not use, a few bytes behind the last row.
constexpr size_t tensor_padding = 64;
// Beyond any machine's memory, or what a 32-bit one could address; sums of several don't overflow.
constexpr bool is_64_bit = sizeof(size_t) > sizeof(uint32_t);
constexpr uint64_t most_bytes = uint64_t{1} << (is_64_bit ? 40 : 30);
// Of one tensor: an operator's scratch may be as large as several of its tensors together.
constexpr uint64_t most_tensor_bytes = is_64_bit ? most_bytes : most_bytes / 4;

Status too_large() {
  return Status::error(LINNET_OUT_OF_MEMORY, "needs more than a %s at this chunk and context",
                       is_64_bit ? "terabyte" : "gigabyte");
}

bool is_too_large(const Tensor& tensor, const Extents& largest) {
  uint64_t elements = 1;
  for (size_t i = 0; i < tensor.rank; ++i) {
    const uint64_t extent = tensor.shape[i].in(largest);
    if (extent != 0 && elements > most_tensor_bytes / sizeof(float) / extent) return true;
    elements *= extent;
  }
  return false;
}

/// Whether there can be a row of a matrix for every token, such as a mixture of experts keeps.
bool has_too_large_rows(const Tensor& tensor, const Extents& largest) {
  if (tensor.storage != Storage::weight) return is_too_large(tensor, largest);
  if (tensor.rank != 2) return false;
  return uint64_t{largest.tokens} * tensor.columns().number() > most_tensor_bytes / sizeof(float);
}

size_t aligned(size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

size_t activation_bytes(const Tensor& tensor, const Extents& largest) {
  const size_t rows = tensor.rank == 1 ? tensor.shape[0].in(largest) : tensor.rows().in(largest);
  const size_t columns = tensor.rank == 1 ? 1 : tensor.columns().number();
  if (QuantizedRows::has_type(tensor.type)) return QuantizedRows::bytes(tensor.type, rows, columns);
  return rows * columns * sizeof(float) + tensor_padding;
}

enum class StateKind : uint8_t { none, recurrent, ring, source };

/// What becomes of each tensor as tokens run.
Status sort_states(const Graph& graph, Array<StateKind>* kinds) {
  if (!kinds->allocate(graph.tensors.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan a session");
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.storage != Storage::state) continue;
    const bool is_source = tensor.rank == 2 && tensor.rows().kind() == Dimension::Kind::source;
    (*kinds)[i] = is_source ? StateKind::source : StateKind::recurrent;
  }
  for (const Operator& op : graph.operators) {
    for (const int32_t ring : SoftmaxAttention::rings(op)) {
      (*kinds)[static_cast<size_t>(ring)] = StateKind::ring;
    }
  }
  return Status::ok();
}

Status place(size_t bytes, SessionPlan* plan) {
  if (bytes > most_bytes) return too_large();
  plan->state_bytes += aligned(bytes);
  return plan->state_bytes > most_bytes ? too_large() : Status::ok();
}

Status place_rows(const Tensor& tensor, bool is_ring, SessionPlan* plan, RowState* rows) {
  if (is_too_large(tensor, plan->largest)) return too_large();
  const size_t seen = tensor.rows().in(plan->largest);
  const size_t bytes = tensor.elements(plan->largest) * sizeof(float);
  const size_t row_bytes = seen > 0 ? bytes / seen : 0;
  const size_t spare = is_ring ? plan->spare_ring_rows : 0;
  if (spare > 0 && row_bytes > most_tensor_bytes / spare) return too_large();
  *rows = {plan->state_bytes, row_bytes, seen, seen + spare, is_ring};
  return place(bytes + spare * row_bytes, plan);
}

/// What every token overwrites comes first, so that a checkpoint of it is one copy.
Status place_states(const Graph& graph, SessionPlan* plan) {
  Array<StateKind> kinds;
  Status status = sort_states(graph, &kinds);
  if (status.failed()) return status;
  const auto is_rows = [](StateKind kind) {
    return kind == StateKind::ring || kind == StateKind::source;
  };
  const auto count = static_cast<size_t>(std::count_if(kinds.begin(), kinds.end(), is_rows));
  if (!plan->row_states.allocate(count)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan a session");
  }
  for (size_t i = 0; i < kinds.size() && !status.failed(); ++i) {
    if (kinds[i] != StateKind::recurrent) continue;
    plan->tensor_offsets[i] = plan->state_bytes;
    if (is_too_large(graph.tensors[i], plan->largest)) return too_large();
    status = place(graph.tensors[i].elements(plan->largest) * sizeof(float), plan);
  }
  plan->recurrent_bytes = plan->state_bytes;
  size_t placed = 0;
  for (size_t i = 0; i < kinds.size() && !status.failed(); ++i) {
    if (!is_rows(kinds[i])) continue;
    plan->tensor_offsets[i] = plan->state_bytes;
    status = place_rows(graph.tensors[i], kinds[i] == StateKind::ring, plan,
                        &plan->row_states[placed++]);
  }
  if (status.failed()) return status;
  plan->history_offset = plan->state_bytes;
  if (reruns_text(graph)) plan->history_tokens = position_limit(graph, graph.decode);
  plan->state_bytes += aligned(plan->history_tokens * sizeof(int32_t));
  return Status::ok();
}

/// The lifetimes of a graph: one per activation that something uses, then one per operator's
/// scratch.
class Lifetimes {
 public:
  Lifetimes(const Graph& graph, const Extents& largest, std::span<const PassPlace> passes)
      : graph_(graph), largest_(largest), passes_(passes) {}

  Status collect();
  Array<Lifetime>& all() { return lifetimes_; }
  size_t of_scratch(size_t op) const { return graph_.tensors.size() + op; }

 private:
  void use(int32_t tensor, uint32_t begin, uint32_t end);

  const Graph& graph_;
  const Extents& largest_;
  std::span<const PassPlace> passes_;
  Array<Lifetime> lifetimes_;
};

void Lifetimes::use(int32_t tensor, uint32_t begin, uint32_t end) {
  const auto memory = static_cast<size_t>(graph_.memory_of(tensor));
  const Tensor& used = graph_.tensors[memory];
  if (used.storage != Storage::activation) return;
  Lifetime& lifetime = lifetimes_[memory];
  if (lifetime.bytes == 0) {
    lifetime = {
        .bytes = activation_bytes(used, largest_), .first = begin, .last = end, .offset = 0};
  }
  lifetime.first = std::min(lifetime.first, begin);
  lifetime.last = std::max(lifetime.last, end);
}

Status Lifetimes::collect() {
  if (!lifetimes_.allocate(graph_.tensors.size() + graph_.operators.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan the arena");
  }
  for (const Tensor& tensor : graph_.tensors) {
    if (has_too_large_rows(tensor, largest_)) return too_large();
  }
  for (size_t i = 0; i < graph_.operators.size(); ++i) {
    const Operator& op = graph_.operators[i];
    // While one row goes through the last operator of a pass, another may be at the first.
    const auto begin = static_cast<uint32_t>(passes_[i].first);
    const auto end = static_cast<uint32_t>(passes_[i].end - 1);
    for (const int32_t input : op.inputs) {
      if (input >= 0) use(input, begin, end);
    }
    for (const int32_t output : op.outputs) use(output, begin, end);
    lifetimes_[of_scratch(i)] = {.bytes = entry_of(op).scratch_bytes(Site(graph_, op), largest_),
                                 .first = begin,
                                 .last = end,
                                 .offset = 0};
  }
  // One entry point runs after the other, and so they share the arena.
  for (const EntryPoint* entry : {&graph_.encode, &graph_.decode}) {
    if (!entry->exists()) continue;
    const auto begin = static_cast<uint32_t>(entry->first_operator);
    const auto end = static_cast<uint32_t>(entry->end_operator);
    use(entry->tokens, begin, begin);
    if (entry->token_types >= 0) use(entry->token_types, begin, begin);
    for (const Output& output : entry->outputs) use(output.tensor, end, end);
  }
  return Status::ok();
}

/// Where the tokens of hypotheses lie in the rings, which they share.
Status place_paths(SessionPlan* plan) {
  plan->paths_offset = plan->state_bytes;
  plan->state_bytes += aligned(plan->beams * plan->path_tokens * sizeof(uint32_t));
  return plan->state_bytes > most_bytes ? too_large() : Status::ok();
}

Status place_checkpoints(uint64_t budget, SessionPlan* plan) {
  constexpr size_t most_slots = 1 << 16;
  const size_t each = plan->recurrent_bytes;
  if (budget == 0 || each == 0) return Status::ok();
  if (budget > most_bytes) return too_large();
  plan->checkpoint_slots = static_cast<size_t>(std::min<uint64_t>(budget / each, most_slots));
  plan->checkpoint_bytes = plan->checkpoint_slots * each;
  if (plan->checkpoint_slots > 0) return Status::ok();
  return Status::error(LINNET_INVALID_ARGUMENT,
                       "options: %" PRIu64
                       " bytes hold no checkpoint, each of which takes %zu in this model",
                       budget, each);
}

Status place_activations(const Graph& graph, SessionPlan* plan) {
  Status status = plan_passes(graph, &plan->passes);
  if (status.failed()) return status;
  Lifetimes lifetimes(graph, plan->largest, plan->passes.span());
  status = lifetimes.collect();
  if (status.failed()) return status;
  Array<Lifetime>& all = lifetimes.all();
  Array<uint32_t> order;
  Array<uint32_t> placed;
  if (!order.allocate(all.size()) || !placed.allocate(all.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan the arena");
  }
  plan->arena_bytes = plan_arena(all.span(), order.span(), placed.span());
  if (plan->arena_bytes == SIZE_MAX) return too_large();
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (all[i].bytes > 0) plan->tensor_offsets[i] = plan->arena_offset() + all[i].offset;
  }
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    const Lifetime& scratch = all[lifetimes.of_scratch(i)];
    if (scratch.bytes > 0) plan->scratch_offsets[i] = plan->arena_offset() + scratch.offset;
  }
  return Status::ok();
}

void place_views(const Graph& graph, SessionPlan* plan) {
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.base < 0) continue;
    const size_t base = plan->tensor_offsets[static_cast<size_t>(tensor.base)];
    if (base != SessionPlan::no_offset)
      plan->tensor_offsets[i] = base + tensor.column * sizeof(float);
  }
}

/// An encoder reads a text in one chunk, most often of up to 512 tokens.
uint32_t default_chunk_for(const Graph& graph) {
  if (!graph.encode.exists()) return default_chunk;
  const size_t positions = position_limit(graph, graph.encode);
  if (positions == 0) return default_encoder_chunk;
  return static_cast<uint32_t>(std::min<size_t>(positions, default_encoder_chunk));
}

/// Hypotheses share rings of the context, and what was encoded; other states they would each need
/// for themselves.
Status complete_beams(const Graph& graph, linnet_session_options* options) {
  options->beams = std::max<uint32_t>(options->beams, 1);
  if (options->beams == 1) return Status::ok();
  const uint64_t rows = uint64_t{options->context} * options->beams;
  if (options->beams > largest_chunk || rows > largest_context) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "options: %u beams of %u tokens are too many: %u tokens are possible",
                         options->beams, options->context, largest_context);
  }
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.storage != Storage::state) continue;
    const Dimension::Kind kind = tensor.shape[0].kind();
    if (kind == Dimension::Kind::context || kind == Dimension::Kind::source) continue;
    return Status::error(LINNET_UNSUPPORTED,
                         "beams need a model that remembers by softmax layers alone; this one has "
                         "the state '%.*s'",
                         static_cast<int>(tensor.name.size()), tensor.name.data());
  }
  if (!graph.decode.exists() || options->context == 0) {
    return Status::error(LINNET_UNSUPPORTED, "beams need a model that decodes");
  }
  const auto has_segments = [](const Operator& op) {
    const auto* attention = std::get_if<SoftmaxAttentionAttributes>(&op.attributes);
    return attention != nullptr && attention->segment != 0;
  };
  if (std::any_of(graph.operators.begin(), graph.operators.end(), has_segments)) {
    return Status::error(LINNET_UNSUPPORTED, "beams need a model without segments of a memory");
  }
  options->chunk = std::max(options->chunk, options->beams);
  return Status::ok();
}

/// A token of every session is a row of the chunk and of the logits.
Status complete_batch(const Graph& graph, linnet_session_options* options) {
  options->batch = std::max<uint32_t>(options->batch, 1);
  if (options->batch == 1) return Status::ok();
  if (options->batch > largest_batch) {
    return Status::error(LINNET_INVALID_ARGUMENT, "options: a batch of %u, at most %u is possible",
                         options->batch, largest_batch);
  }
  if (!graph.decode.exists()) {
    return Status::error(LINNET_UNSUPPORTED, "a batch of sessions needs a model that decodes");
  }
  if (reruns_text(graph)) {
    return Status::error(LINNET_UNSUPPORTED,
                         "a token of this model may make its session run its whole text again, "
                         "which a batch of sessions cannot");
  }
  options->chunk = std::max(options->chunk, options->batch);
  return Status::ok();
}

Status complete_rewind(const Graph& graph, linnet_session_options* options) {
  if (options->rewind > largest_context) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "options: a rewind of %u tokens, at most %u are possible", options->rewind,
                         largest_context);
  }
  const bool has_rings =
      std::any_of(graph.operators.begin(), graph.operators.end(),
                  [](const Operator& op) { return !SoftmaxAttention::rings(op).empty(); });
  // The rings of hypotheses have room for all their tokens.
  if (!has_rings || options->beams > 1) options->rewind = 0;
  return Status::ok();
}

}  // namespace

Status complete_options(const Graph& graph, const linnet_session_options* given,
                        linnet_session_options* out) {
  *out = given != nullptr ? *given : linnet_session_options{};
  if (out->threads > most_threads || out->chunk > largest_chunk || out->context > largest_context) {
    return Status::error(
        LINNET_INVALID_ARGUMENT,
        "options: at most %u threads, a chunk of %u and a context of %u are possible", most_threads,
        largest_chunk, largest_context);
  }
  if (out->threads == 0)
    out->threads = std::min<uint32_t>(platform::fast_processor_count(), most_default_threads);
  if (out->chunk == 0) out->chunk = default_chunk_for(graph);
  if (out->context == 0) out->context = default_context;
  if (!has_context_ring(graph)) out->context = 0;
  if (!graph.decode.exists()) out->all_logits = true;
  Status status = complete_beams(graph, out);
  if (!status.failed()) status = complete_batch(graph, out);
  if (!status.failed()) status = complete_rewind(graph, out);
  if (status.failed()) return status;
  if (!reruns_text(graph)) return Status::ok();
  const size_t positions = position_limit(graph, graph.decode);
  if (positions > largest_chunk) {
    return Status::error(LINNET_UNSUPPORTED,
                         "needs its whole text in one chunk, but has %zu positions and a chunk at "
                         "most %u tokens",
                         positions, largest_chunk);
  }
  out->chunk = std::max(out->chunk, static_cast<uint32_t>(positions));
  return Status::ok();
}

Status plan_session(const Graph& graph, const linnet_session_options& options, SessionPlan* out) {
  SessionPlan& plan = *out;
  plan.beams = options.beams;
  plan.spare_ring_rows = options.rewind;
  plan.path_tokens = options.beams > 1 ? options.context : 0;
  plan.largest = {
      .tokens = options.chunk,
      .logits_rows = options.all_logits ? options.chunk : std::max(options.beams, options.batch),
      .context = size_t{options.context} * options.beams,
      .texts = options.chunk,
      .source = options.chunk};
  if (!plan.tensor_offsets.allocate(graph.tensors.size()) ||
      !plan.scratch_offsets.allocate(graph.operators.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan a session");
  }
  std::fill(plan.tensor_offsets.begin(), plan.tensor_offsets.end(), SessionPlan::no_offset);
  std::fill(plan.scratch_offsets.begin(), plan.scratch_offsets.end(), SessionPlan::no_offset);
  Status status = place_states(graph, &plan);
  if (!status.failed()) status = place_paths(&plan);
  if (!status.failed()) status = place_checkpoints(options.checkpoint_bytes, &plan);
  if (!status.failed()) status = place_activations(graph, &plan);
  if (!status.failed()) place_views(graph, &plan);
  return status;
}

bool reruns_text(const Graph& graph) {
  return std::any_of(graph.operators.begin(), graph.operators.end(), SoftmaxFeatures::outdates);
}

bool has_context_ring(const Graph& graph) {
  return std::any_of(graph.tensors.begin(), graph.tensors.end(), [](const Tensor& tensor) {
    return tensor.storage == Storage::state && tensor.rank > 0 &&
           tensor.shape[0] == Dimension(Dimension::Kind::context);
  });
}

}  // namespace linnet
