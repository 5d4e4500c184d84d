// RoBERTa (Liu et al. 2019, arXiv:1907.11692), and what differs from it by its tokenizer alone:
// XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116) and CamemBERT (Martin et al. 2020,
// arXiv:1911.03894). The equations are those of transformers' modeling_roberta.py.

#include <string>

#include "tools/convert/models/bert_encoder.h"
#include "tools/convert/models/bert_heads.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"roberta", "xlm-roberta", "camembert"};
constexpr const char* kClasses[] = {"Roberta", "XLMRoberta", "Camembert"};
constexpr const char* kArchitectures[] = {"RobertaModel", "RobertaForMaskedLM",
                                          "RobertaForSequenceClassification",
                                          "RobertaForTokenClassification"};
constexpr int32_t kDefaultVocabulary = 50265;
constexpr int32_t kDefaultPadding = 1;

/// Positions begin after that of the padding, as in fairseq.
int32_t first_position(const Config& config, int32_t positions) {
  const double padding = config.number("pad_token_id", kDefaultPadding);
  if (config.is_null("pad_token_id") || !(padding >= 0 && padding < positions - 1)) {
    config.fail("pad_token_id", "from 0 to below max_position_embeddings - 1, which is " +
                                    std::to_string(positions - 1));
  }
  return static_cast<int32_t>(padding) + 1;
}

}  // namespace

template <>
bool recognizes<struct RobertaFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct RobertaFamily>(const Source& source) {
  const BertOptions options = read_bert_options(*source.config, kDefaultVocabulary);
  const EncoderTask task = read_encoder_task(source, kClasses);
  Graph graph;
  WeightReader weights(source.checkpoint);
  GraphBuilder g(graph);
  g.begin(EntryKind::encode);
  BertEncoder encoder(options, weights, g, "roberta",
                      first_position(*source.config, options.positions));
  const Value hidden = encoder.build();
  const BertHeads heads = {.width = options.width,
                           .epsilon = options.epsilon,
                           .dense = "lm_head.dense",
                           .norm = "lm_head.layer_norm",
                           .activation = schema::Activation::gelu,  // whatever hidden_act says
                           .decoder = "lm_head.decoder",
                           .decoder_bias = "lm_head.bias",
                           .tied = options.tied,
                           .pooler = "classifier.dense",
                           .classifier = "classifier.out_proj",
                           .token_classifier = "classifier"};
  output_task({source, graph, weights, g}, heads, task, hidden, encoder.table());
  require_nothing_else(weights, heads, task);
  graph.vocabulary = static_cast<uint32_t>(options.vocabulary);
  graph.context = text_length(source, encoder.positions());
  return graph;
}

}  // namespace linnet::convert
