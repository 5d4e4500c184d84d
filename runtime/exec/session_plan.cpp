#include "runtime/exec/session_plan.h"

#include <algorithm>

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
// Some SIMD and XNNPACK kernels read, but do not use, a few bytes behind the last row.
constexpr size_t tensor_padding = 64;
constexpr size_t most_bytes = size_t{1} << 40;

Status too_large() {
  return Status::error(LINNET_OUT_OF_MEMORY,
                       "needs more than a terabyte at this chunk and context");
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

Status place_states(const Graph& graph, SessionPlan* plan) {
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.storage != Storage::state) continue;
    plan->tensor_offsets[i] = plan->state_bytes;
    const size_t bytes = tensor.elements(plan->largest) * sizeof(float);
    if (bytes > most_bytes) return too_large();
    plan->state_bytes += aligned(bytes);
    if (plan->state_bytes > most_bytes) return too_large();
  }
  plan->history_offset = plan->state_bytes;
  if (reruns_text(graph)) {
    plan->state_bytes += aligned(position_limit(graph, graph.decode) * sizeof(int32_t));
  }
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
    if (all[i].bytes > 0) plan->tensor_offsets[i] = plan->state_bytes + all[i].offset;
  }
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    const Lifetime& scratch = all[lifetimes.of_scratch(i)];
    if (scratch.bytes > 0) plan->scratch_offsets[i] = plan->state_bytes + scratch.offset;
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
  const Status status = complete_beams(graph, out);
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
  plan.path_tokens = options.beams > 1 ? options.context : 0;
  plan.largest = {.tokens = options.chunk,
                  .logits_rows = options.all_logits ? options.chunk : options.beams,
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
