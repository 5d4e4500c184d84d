#pragma once

#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/seq2seq_parts.h"

// Encoder-decoders whose layers have fairseq's names: BART and what transformers made of it, and
// fairseq's own.
namespace linnet::convert {

/// The encoder's sizes, or the decoder's.
struct BartLikeSide {
  int32_t layers = 0, feed_forward = 0;
  ScoredHeads heads = {};
  int32_t vocabulary = 0;
  Residuals residuals = {};
};

/// A table of positions; a text's first one is row `offset`.
struct BartLikePositions {
  Weight table;
  uint32_t offset = 0;
};

/// What tells one of these models from another.
struct BartLikeOptions {
  std::string prefix;  ///< of all names but the head's
  int32_t width = 0;
  BartLikeSide encoder, decoder;
  schema::Activation activation = schema::Activation::relu;
  double embedding_scale = 1;
  bool shared_embeddings = true;  ///< one table for both sides, whatever copies are stored
  bool embedding_norm = false;    ///< layernorm_embedding, after the positions were added
  bool final_norm = false;        ///< layer_norm, at the end of each stack
  float norm_epsilon = 1e-5f;     ///< torch.nn.LayerNorm's own
  float final_epsilon = 1e-5f;
  std::string head;       ///< the head's matrix
  bool tied_head = true;  ///< to the decoder's table
};

/// Both entry points. `positions` makes the table of a side, "encoder" or "decoder".
Graph build_bart_like(
    const Source& source, const BartLikeOptions& options,
    const std::function<BartLikePositions(WeightReader&, const std::string& side)>& positions);

/// The options that transformers' configs of these models have in common, from the defaults of
/// BartConfig on.
BartLikeOptions read_bart_like(const Source& source);

/// Learned positions, of which BART leaves the first two rows unused.
BartLikePositions learned_positions(const Config& config, const BartLikeOptions& options,
                                    WeightReader& weights, const std::string& side);

/// Marian's sinusoids, which are stored only by old files.
BartLikePositions marian_positions(const Config& config, const BartLikeOptions& options,
                                   WeightReader& weights, const std::string& side);

/// fairseq's sinusoids for `positions` tokens: a text's first position is padding_idx + 1.
BartLikePositions fairseq_positions(int32_t positions, int32_t width, int32_t padding);

}  // namespace linnet::convert
