#pragma once

#include <optional>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/weights.h"

// The parts that encoders of Hugging Face's transformers are made of.
namespace linnet::convert {

/// (x - mean) / sqrt(variance + epsilon) * weight + bias.
struct LayerNorm {
  Weight weight;
  std::optional<Weight> bias;
  float epsilon = 0;
};

/// Tensors `at`.weight and, where there is one, `at`.bias; or `at`.gamma and `at`.beta, as
/// checkpoints that were made from TensorFlow's still call them.
LayerNorm read_layer_norm(WeightReader& weights, const std::string& at, int32_t width,
                          float epsilon, bool has_bias = true);
Value layer_norm(GraphBuilder& g, const std::string& name, Value x, const LayerNorm& norm);

/// Query, key and value heads of one number and size.
struct EncoderHeads {
  int32_t heads = 0, head_dim = 0;
};

/// `width` divided among as many heads as entry `key` says, none left over.
EncoderHeads read_encoder_heads(const Config& config, const std::string& key, int32_t fallback,
                                int32_t width);

/// softmax(q k^T / sqrt(head_dim)) v W_o, in which every token sees its whole text, or the tokens
/// that are at most `window` away, if that is above 0.
struct EncoderAttention {
  EncoderHeads heads;
  Affine query, key, value, output;
  SharedRotary rotary = {};
  int32_t window = 0;
};
Value encoder_attention(GraphBuilder& g, const EncoderAttention& attention, Value x);

/// A layer of BERT: h = norm(x + attention(x)), then norm(h + activation(h W_up) W_down). Make
/// `attention` first, by its name: GCC 12 destroys the members of a nested list twice where an
/// initialiser behind it throws.
struct PostNormLayer {
  EncoderAttention attention;
  LayerNorm attention_norm;
  Affine up, down;
  schema::Activation activation = schema::Activation::gelu;
  LayerNorm output_norm;
};
Value post_norm_layer(GraphBuilder& g, const PostNormLayer& layer, Value x);

/// activation(x W), normalised: what a masked language model's, or a classifier's, head begins
/// with.
struct HeadTransform {
  Affine dense;
  schema::Activation activation = schema::Activation::gelu;
  LayerNorm norm;
};
Value head_transform(GraphBuilder& g, const HeadTransform& transform, Value x);

/// Logits over the vocabulary: x W^T + bias, with tensor `matrix` for W or, where both are tied,
/// the embedding's table. As in transformers, a matrix that is stored with other values than the
/// table's is not tied to it.
Value vocabulary_logits(GraphBuilder& g, WeightReader& weights, Value x,
                        const EmbeddingTable& table, const std::string& matrix, bool tied,
                        const std::optional<Weight>& bias);

/// A head's bias: tensor `own` or, where that is not stored, `other`, which transformers ties to
/// it.
Weight read_tied_bias(WeightReader& weights, const std::string& own, const std::string& other,
                      int32_t rows);

/// "prefix." if the checkpoint has tensor prefix.`probe`, "" if it has `probe` itself: the encoder
/// of a model with a head is called by a name that the encoder alone does not have.
std::string encoder_prefix(const WeightReader& weights, const std::string& prefix,
                           const std::string& probe);

}  // namespace linnet::convert
