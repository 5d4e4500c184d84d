#include "tools/convert/models/bert_heads.h"

#include <algorithm>
#include <array>

namespace linnet::convert {
namespace {

Value predictions(const HeadContext& context, const BertHeads& heads, Value hidden,
                  const EmbeddingTable& table) {
  const auto& [source, graph, weights, g] = context;
  const HeadTransform transform = {
      .dense = read_affine(weights, heads.dense, heads.width, heads.width, true),
      .activation = heads.activation,
      .norm = read_layer_norm(weights, heads.norm, heads.width, heads.epsilon)};
  return vocabulary_logits(
      g, weights, head_transform(g, transform, hidden), table, heads.decoder + ".weight",
      heads.tied,
      read_tied_bias(weights, heads.decoder + ".bias", heads.decoder_bias, table.weight.size(0)));
}

/// activation(W x + b) of each text's first token.
Value pooled(const HeadContext& context, const BertHeads& heads, Value hidden) {
  const Value first = context.g.pool("first", hidden, {schema::PoolKind::first});
  const Affine dense = read_affine(context.weights, heads.pooler, heads.width, heads.width, true);
  return context.g.linear("pooler", first, dense.weight, dense.options(heads.pooler_activation));
}

Value labels(const HeadContext& context, const std::string& classifier, Value x) {
  context.graph.labels = read_labels(*context.source.config);
  const auto count = static_cast<int32_t>(context.graph.labels.names.size());
  return label_logits(context.g, x,
                      read_affine(context.weights, classifier, count, context.g.width(x), true));
}

}  // namespace

void output_task(const HeadContext& context, const BertHeads& heads, EncoderTask task, Value hidden,
                 const EmbeddingTable& table) {
  switch (task) {
    case EncoderTask::hidden_states:
      return output_hidden_states(context.g, context.source, hidden);
    case EncoderTask::masked_lm:
      return context.g.output(predictions(context, heads, hidden, table));
    case EncoderTask::sequence_classification:
      return context.g.output(labels(context, heads.classifier, pooled(context, heads, hidden)));
    case EncoderTask::token_classification:
      return context.g.output(labels(context, heads.token_classifier, hidden));
  }
}

void require_nothing_else(const WeightReader& weights, const BertHeads& heads, EncoderTask task) {
  constexpr std::array kLeftOver = {"embeddings.position_ids", "embeddings.token_type_ids",
                                    "pooler.dense.weight", "pooler.dense.bias"};
  weights.require_all_used([&](const std::string& name) {
    const bool is_head = std::ranges::any_of(
        std::array{heads.dense, heads.norm, heads.decoder, heads.decoder_bias, heads.pooler,
                   heads.classifier, heads.token_classifier},
        [&](const std::string& at) { return name == at || name.starts_with(at + "."); });
    // Where the decoder has a bias of its own, the other is stored but not used.
    const bool is_unused_bias =
        name == heads.decoder_bias && weights.contains(heads.decoder + ".bias");
    return (task == EncoderTask::hidden_states && is_head) || is_unused_bias ||
           name.starts_with("cls.seq_relationship.") ||
           std::ranges::any_of(kLeftOver, [&](const char* end) { return name.ends_with(end); });
  });
}

}  // namespace linnet::convert
