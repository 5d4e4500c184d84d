#include "tools/linnet/inspect_memory.h"

#include <algorithm>

#include "tools/linnet/open_model.h"
#include "tools/linnet/text_batch.h"

namespace linnet::cli {
namespace {

/// Private memory that is held right now.
std::optional<uint64_t> private_bytes() {
  release_free_heap();
  const auto memory = process_memory();
  return memory ? std::optional(memory->private_bytes) : std::nullopt;
}

/// Tokens of all kinds, so that a run touches what a run can touch.
std::vector<int32_t> some_tokens(size_t count, uint32_t vocabulary) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = static_cast<int32_t>(i * 7919 % vocabulary);
  return tokens;
}

/// A text of `count` tokens, or as many as there are positions; token 0 is in every vocabulary.
void encode_a_text(Session& session, size_t count, const linnet_model_info& info) {
  if (info.source_positions != 0) count = std::min<size_t>(count, info.source_positions);
  const std::vector<int32_t> tokens(count);
  TextBatch text;
  text.add(tokens);
  text.encode(session);
}

}  // namespace

MemoryRegions measure_memory(const std::string& path, const linnet_session_options& options,
                             Model* model) {
  const auto mapped_before = private_mapping_bytes();
  const auto before = private_bytes();
  *model = open_model(path);
  const auto mapped = private_mapping_bytes();
  const linnet_model_info info = model->describe();

  MemoryRegions regions;
  regions.file_bytes = info.file_bytes;
  regions.packed_bytes = info.packed_bytes;
  regions.file = mapped_file(path);
  if (mapped_before && mapped) regions.packed = *mapped - std::min(*mapped, *mapped_before);
  require(model->session_bytes(options, &regions.planned));

  size_t count = with_defaults(options).chunk;
  if (info.positions != 0) count = std::min<size_t>(count, info.positions);
  const auto tokens = some_tokens(count, info.vocabulary);
  std::vector<float> logits(info.vocabulary);
  const CountedPages block(regions.planned.total_bytes);
  Session session = open_session(*model, options, block.data());
  if (info.has_encoder) encode_a_text(session, count, info);
  if (info.has_decoder) require(session.run(tokens, logits.data()));
  regions.session = block.bytes_in_use();
  const auto after = private_bytes();
  if (before && after && regions.packed && regions.session) {
    regions.other = static_cast<int64_t>(*after) - static_cast<int64_t>(*before) -
                    static_cast<int64_t>(*regions.packed + *regions.session);
  }
  return regions;
}

std::vector<PlannedSession> plan_sessions(const Model& model, linnet_session_options options) {
  std::vector<PlannedSession> plans;
  for (const uint32_t chunk : {1u, 64u, 128u, 256u}) {
    options.chunk = chunk;
    PlannedSession plan{chunk, {}};
    require(model.session_bytes(options, &plan.memory));
    plans.push_back(plan);
  }
  return plans;
}

}  // namespace linnet::cli
