// BERT (Devlin et al. 2019, arXiv:1810.04805); the equations are those of transformers'
// modeling_bert.py.

#include "tools/convert/models/bert_encoder.h"
#include "tools/convert/models/bert_heads.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"bert"};
constexpr const char* kClasses[] = {"Bert"};
constexpr const char* kArchitectures[] = {
    "BertModel", "BertForMaskedLM", "BertForSequenceClassification", "BertForTokenClassification"};
constexpr int32_t kDefaultVocabulary = 30522;

}  // namespace

template <>
bool recognizes<struct BertFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct BertFamily>(const Source& source) {
  const BertOptions options = read_bert_options(*source.config, kDefaultVocabulary);
  const EncoderTask task = read_encoder_task(source, kClasses);
  Graph graph;
  WeightReader weights(source.checkpoint);
  GraphBuilder g(graph);
  g.begin(EntryKind::encode);
  BertEncoder encoder(options, weights, g, "bert", /*first_position=*/0);
  const Value hidden = encoder.build();
  const BertHeads heads = {.width = options.width,
                           .epsilon = options.epsilon,
                           .dense = "cls.predictions.transform.dense",
                           .norm = "cls.predictions.transform.LayerNorm",
                           .activation = options.activation,
                           .decoder = "cls.predictions.decoder",
                           .decoder_bias = "cls.predictions.bias",
                           .tied = options.tied,
                           .pooler = encoder.prefix() + "pooler.dense",
                           .classifier = "classifier",
                           .token_classifier = "classifier"};
  output_task({source, graph, weights, g}, heads, task, hidden, encoder.table());
  require_nothing_else(weights, heads, task);
  graph.vocabulary = static_cast<uint32_t>(options.vocabulary);
  graph.context = text_length(source, encoder.positions());
  return graph;
}

}  // namespace linnet::convert
