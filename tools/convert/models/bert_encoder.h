#pragma once

#include <cstdint>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/encoder_parts.h"
#include "tools/convert/models/family.h"

// What BERT (Devlin et al. 2019, arXiv:1810.04805) and RoBERTa (Liu et al. 2019, arXiv:1907.11692)
// share: embeddings, layers and the names of their tensors and options.
namespace linnet::convert {

struct BertOptions {
  int32_t vocabulary, width, layers, feed_forward, positions, token_types;
  EncoderHeads heads;
  schema::Activation activation = schema::Activation::gelu;
  float epsilon = 0;
  bool tied = true;  ///< the head's matrix is the table of the tokens
};

/// Refuses decoders and positions that are not learnt.
BertOptions read_bert_options(const Config& config, int32_t default_vocabulary);

/// The encoder without a head. `first_position` is the row of the table of positions that the first
/// token gets.
class BertEncoder {
 public:
  BertEncoder(const BertOptions& options, WeightReader& weights, GraphBuilder& g,
              const std::string& prefix, int32_t first_position)
      : options_(options),
        weights_(weights),
        g_(g),
        prefix_(encoder_prefix(weights, prefix, "embeddings.word_embeddings.weight")),
        first_position_(first_position) {}

  /// Hidden states [T, width] of the graph's input.
  Value build();

  const EmbeddingTable& table() const { return table_; }
  /// Before the names of the encoder's tensors.
  const std::string& prefix() const { return prefix_; }
  /// Texts may have this many tokens.
  int32_t positions() const { return options_.positions - first_position_; }

 private:
  Affine affine(const std::string& at, int32_t rows, int32_t columns) {
    return read_affine(weights_, at, rows, columns, /*has_bias=*/true);
  }
  Affine square(const std::string& at) { return affine(at, options_.width, options_.width); }
  LayerNorm norm(const std::string& at) {
    return read_layer_norm(weights_, at, options_.width, options_.epsilon);
  }
  Value embeddings();
  Value layer(int32_t index, Value x);

  const BertOptions& options_;
  WeightReader& weights_;
  GraphBuilder& g_;
  std::string prefix_;
  int32_t first_position_;
  EmbeddingTable table_;
};

}  // namespace linnet::convert
