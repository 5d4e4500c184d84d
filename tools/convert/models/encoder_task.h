#pragma once

#include <cstdint>
#include <span>

#include "tools/convert/graph.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

// What encoders are for, and the outputs that follow from it.
namespace linnet::convert {

enum class EncoderTask : uint8_t {
  hidden_states,            ///< "last_hidden_state" [T, width], "sentence_embedding" [B, …]
  masked_lm,                ///< "logits" [T, vocabulary]
  sequence_classification,  ///< "logits" [B, labels]
  token_classification,     ///< "logits" [T, labels]
};

/// The task of config.json's `architectures`, whose names begin with one of `classes`: "Bert" of
/// BertForMaskedLM. Files of sentence-transformers beside the checkpoint, or no architecture at
/// all, ask for hidden states. Throws std::runtime_error naming what is not known.
EncoderTask read_encoder_task(const Source& source, std::span<const char* const> classes);

/// The most tokens of a text that count, for an encoder that has `positions`.
uint32_t text_length(const Source& source, int32_t positions);

/// Labels of a classifier by `id2label` or, as transformers has it without that, `num_labels`
/// (2) of them called LABEL_0 and so on; and what `problem_type` makes of their logits, which is
/// what transformers' pipeline for text classification does.
Labels read_labels(const Config& config);

/// Logits of a classifier, the last of its layers.
Value label_logits(GraphBuilder& g, Value x, const Affine& classifier);

/// The outputs of EncoderTask::hidden_states; sentences as read_sentence_modules says.
void output_hidden_states(GraphBuilder& g, const Source& source, Value hidden);

}  // namespace linnet::convert
