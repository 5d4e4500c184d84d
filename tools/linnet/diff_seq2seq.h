#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>

#include "tools/linnet/diff_language_model.h"
#include "tools/linnet/reference_file.h"

namespace linnet::cli {

/// Whether the file has an encoder-decoder's reference: a source and what the decoder reads.
bool has_seq2seq_reference(const ReferenceFile& reference);

/// Encodes the source and compares what the encoder makes of it, the decoder's logits and the
/// tokens that it continues with. Of transformers' references: input_ids and decoder_input_ids ->
/// encoder_last_hidden_state and logits; padded_input_ids, without what padded_attention_mask masks
/// -> padded_logits; greedy_ids from decoder_start_token_id on, the padding suppressed. Of the
/// others: src_ids and tgt_ids -> encoder_out and logits; greedy_ids continue tgt_ids[:4].
/// `chunk` is the size of the small chunks. Throws std::runtime_error when model and reference do
/// not fit together.
LanguageModelComparison compare_seq2seq(const Model& model, ReferenceFile& reference,
                                        uint32_t chunk, uint32_t threads);

}  // namespace linnet::cli
