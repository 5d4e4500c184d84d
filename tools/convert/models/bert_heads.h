#pragma once

#include <string>

#include "tools/convert/models/encoder_parts.h"
#include "tools/convert/models/encoder_task.h"

namespace linnet::convert {

/// What BERT and its kin put on top of the encoder, by the names of the tensors.
struct BertHeads {
  int32_t width = 0;
  float epsilon = 0;
  std::string dense, norm;  ///< of a masked language model: decoder(norm(activation(dense(x))))
  schema::Activation activation = schema::Activation::gelu;
  std::string decoder;
  std::string decoder_bias;  ///< what decoder.bias is tied to
  bool tied = true;          ///< the decoder's matrix is the table of the tokens
  std::string pooler;        ///< of a text's first token, before the classifier of texts
  schema::Activation pooler_activation = schema::Activation::tanh;
  std::string classifier, token_classifier;
};

/// The parts of a family's build that are not the encoder's own.
struct HeadContext {
  const Source& source;
  Graph& graph;
  WeightReader& weights;
  GraphBuilder& g;
};

/// Puts the outputs of a task on hidden states [T, width]. `table` is the encoder's.
void output_task(const HeadContext& context, const BertHeads& heads, EncoderTask task, Value hidden,
                 const EmbeddingTable& table);

/// Throws if the checkpoint has tensors that belong neither to the encoder and the task's head nor
/// to what is known to be left over: counters of positions, poolers, what pre-training predicted
/// and, where hidden states are wanted, any head.
void require_nothing_else(const WeightReader& weights, const BertHeads& heads, EncoderTask task);

}  // namespace linnet::convert
