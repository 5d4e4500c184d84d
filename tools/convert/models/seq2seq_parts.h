#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/config.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/weights.h"

// The parts that encoder-decoders are made of, whatever their tensors are called.
namespace linnet::convert {

/// A norm's kind, weights and epsilon.
struct NormWeights {
  schema::NormKind kind = schema::NormKind::layer;
  float epsilon = 0;
  Weight weight;
  std::optional<Weight> bias = {};
};
Value normalized(GraphBuilder& g, const std::string& name, Value x, const NormWeights& norm);

/// Where the norm n of a sublayer f stands.
enum class NormPlacement : uint8_t {
  post,  ///< x = n(x + f(x)) (Vaswani et al. 2017, arXiv:1706.03762)
  pre,   ///< x = x + f(n(x)) (Xiong et al. 2020, arXiv:2002.04745)
  dual,  ///< post, beside a sum d = d + scale f(x) that no norm touches until the stack ends with
         ///< alpha x + norm(d) (Xie et al. 2023, ResiDual, arXiv:2304.14802)
};

struct Residuals {
  NormPlacement placement = NormPlacement::post;
  double dual_scale = 1;  ///< of what enters the untouched sum, the stack's input included
  double dual_alpha = 1;
};

/// What passes through a stack of layers, sublayer by sublayer.
class ResidualStream {
 public:
  ResidualStream(GraphBuilder& g, const Residuals& residuals, Value x);

  /// Takes the stream through a sublayer, all of whose operators are named "name.…".
  void pass(const std::string& name, const NormWeights& norm,
            const std::function<Value(Value)>& sublayer);

  /// What the stack puts out, of all rows or of those whose logits are wanted. `norm` is the one at
  /// its end; only a dual stack must have it.
  Value end(const std::optional<NormWeights>& norm, bool last_rows);

 private:
  GraphBuilder& g_;
  Residuals residuals_;
  Value x_;
  Value sum_;  ///< dual only
};

/// Heads of one size, and how their scores come about.
struct ScoredHeads {
  int32_t heads = 0, head_dim = 0;
  float scale = 1;
  Value bias = {};  ///< of scores by distance, as in AttentionInputs

  int32_t width() const { return heads * head_dim; }
};

struct AttentionWeights {
  Affine query, key, value, output;
};

/// Every token sees all tokens of its text, or those up to itself.
Value text_attention(GraphBuilder& g, const ScoredHeads& heads, const AttentionWeights& weights,
                     bool causal, Value x);

/// Keys and values of a source, made in `encode` and kept for `decode`.
struct StoredSource {
  Value keys, values;
};
StoredSource store_source(GraphBuilder& g, const AttentionWeights& weights, Value encoded);

/// Every token sees all of the source.
Value cross_attention(GraphBuilder& g, const ScoredHeads& heads, const AttentionWeights& weights,
                      const StoredSource& source, Value x);

/// down activation(up x) or, with a gate, down (activation(gate x) * up x).
struct FeedForward {
  Affine up, down;
  std::optional<Affine> gate = {};
  schema::Activation activation = schema::Activation::relu;
};
Value feed_forward(GraphBuilder& g, const FeedForward& weights, Value x);

/// A sublayer's weights with those of its norm.
template <typename Weights>
struct Normed {
  Weights weights;
  NormWeights norm;
};

struct EncoderLayer {
  Normed<AttentionWeights> attention;
  Normed<FeedForward> feed_forward;
};
struct DecoderLayer {
  Normed<AttentionWeights> attention, cross_attention;
  Normed<FeedForward> feed_forward;
};

/// The operators of one layer, named "layers.<index>.…" after what is open.
void encoder_layer(GraphBuilder& g, int32_t index, const ScoredHeads& heads,
                   const EncoderLayer& layer, ResidualStream& stream);
/// `source` is what store_source made of this layer's cross attention.
void decoder_layer(GraphBuilder& g, int32_t index, const ScoredHeads& heads,
                   const ScoredHeads& cross_heads, const DecoderLayer& layer,
                   const StoredSource& source, ResidualStream& stream);

/// How sinusoids (Vaswani et al. 2017) lie in a row of a table.
struct Sinusoids {
  int32_t positions = 0, width = 0;
  double last_exponent = 0;  ///< frequencies are 10000^-(i / last_exponent), i = 0 .. half - 1
};
/// [positions, width]: the sines of all frequencies, then their cosines; a last odd column is a
/// sine if `extra_sine`, else 0.
Weight sinusoidal_table(const Sinusoids& sinusoids, bool extra_sine);

/// config's `heads` divides `width`.
int32_t read_head_dim(const Config& config, const std::string& width_key, int32_t width,
                      const std::string& heads_key, int32_t heads);

/// Where the matrix of the logits comes from.
struct OutputHead {
  std::string name;  ///< the tensor
  bool tied = true;  ///< the embedding's table where the tensor is not stored
  std::optional<Weight> bias = {};
};
/// x W^T + b. A head that is stored with other values than the table's is not tied to it, whatever
/// a config says.
Value output_head(GraphBuilder& g, WeightReader& weights, Value x, const OutputHead& head,
                  const EmbeddingTable& table);

/// A token's id, from 0 to below `vocabulary`.
int32_t read_id(const Config& config, const std::string& key, int32_t fallback, int32_t vocabulary);

}  // namespace linnet::convert
