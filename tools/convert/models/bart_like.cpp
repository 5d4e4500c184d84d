#include "tools/convert/models/bart_like.h"

#include <cmath>
#include <utility>
#include <vector>

namespace linnet::convert {
namespace {

constexpr const char* kLogitsBias = "final_logits_bias";

class BartLike {
 public:
  BartLike(const Source& source, const BartLikeOptions& options, Graph& graph)
      : options_(options), weights_(source.checkpoint), g_(graph) {}

  WeightReader& weights() { return weights_; }

  void encode(const BartLikePositions& positions) {
    const auto scope = g_.scope("encoder");
    const BartLikeSide& side = options_.encoder;
    g_.begin(EntryKind::encode);
    table_ = read_table("encoder", side.vocabulary);
    const Value x = embedded("encoder", table_.value, positions);
    ResidualStream stream(g_, side.residuals, x);
    for (int32_t i = 0; i < side.layers; ++i) {
      encoder_layer(g_, i, side.heads, read_encoder_layer(layer_name("encoder", i)), stream);
    }
    const Value encoded = stream.end(final_norm("encoder"), /*last_rows=*/false);
    g_.output("last_hidden_state", encoded);
    for (int32_t i = 0; i < options_.decoder.layers; ++i) {
      layers_.push_back(read_decoder_layer(layer_name("decoder", i)));
      const auto layer_scope = g_.scope("source." + std::to_string(i));
      sources_.push_back(store_source(g_, layers_.back().cross_attention.weights, encoded));
    }
  }

  void decode(const BartLikePositions& positions) {
    const auto scope = g_.scope("decoder");
    const BartLikeSide& side = options_.decoder;
    g_.begin(EntryKind::decode);
    if (!options_.shared_embeddings) table_ = read_table("decoder", side.vocabulary);
    const Value x = embedded("decoder", table_.value, positions);
    ResidualStream stream(g_, side.residuals, x);
    for (int32_t i = 0; i < side.layers; ++i) {
      const auto index = static_cast<size_t>(i);
      decoder_layer(g_, i, side.heads, side.heads, layers_[index], sources_[index], stream);
    }
    const Value last = stream.end(final_norm("decoder"), /*last_rows=*/true);
    OutputHead head = {.name = options_.head, .tied = options_.tied_head};
    if (weights_.contains(kLogitsBias)) head.bias = weights_(kLogitsBias, {side.vocabulary});
    g_.output("logits", output_head(g_, weights_, last, head, table_));
    weights_.require_all_used([this](const std::string& name) { return is_copy(name); });
  }

 private:
  std::string named(const std::string& name) const { return options_.prefix + name; }

  /// Copies of tied tables, and fairseq's version numbers.
  bool is_copy(const std::string& name) const {
    if (name.ends_with("coder.version") || name.ends_with("embed_positions._float_tensor")) {
      return true;
    }
    return options_.shared_embeddings &&
           (name.ends_with("coder.embed_tokens.weight") || name == named("shared.weight"));
  }

  static std::string layer_name(const std::string& side, int32_t index) {
    return side + ".layers." + std::to_string(index) + ".";
  }

  EmbeddingTable read_table(const std::string& side, int32_t vocabulary) {
    const std::string own = named(side + ".embed_tokens.weight");
    const std::string shared = named("shared.weight");
    const bool has_own = weights_.contains(own);
    const bool takes_own = has_own && !(options_.shared_embeddings && weights_.contains(shared));
    return read_embedding(g_, weights_, takes_own ? own : shared, vocabulary, options_.width);
  }

  Value embedded(const std::string& side, Value table, const BartLikePositions& positions) {
    Value x = g_.embedding("embedding", g_.input_tokens(), table);
    x = multiplied(g_, "embedding_scale", x, options_.embedding_scale);
    x = g_.position_embedding("positions", x, positions.table, positions.offset);
    if (!options_.embedding_norm) return x;
    return normalized(g_, "embedding_norm", x, read_norm(side + ".layernorm_embedding"));
  }

  NormWeights read_norm(const std::string& at) {
    const Affine affine = read_vector_affine(at);
    return {schema::NormKind::layer, options_.norm_epsilon, affine.weight, affine.bias};
  }

  Affine read_vector_affine(const std::string& at) {
    return {weights_(named(at + ".weight"), {options_.width}),
            weights_(named(at + ".bias"), {options_.width})};
  }

  std::optional<NormWeights> final_norm(const std::string& side) {
    if (!options_.final_norm) return {};
    NormWeights norm = read_norm(side + ".layer_norm");
    norm.epsilon = options_.final_epsilon;
    return norm;
  }

  AttentionWeights read_attention(const std::string& at) {
    const auto square = [&](const char* name) {
      return read_affine(weights_, named(at + name), options_.width, options_.width, true);
    };
    return {square(".q_proj"), square(".k_proj"), square(".v_proj"), square(".out_proj")};
  }

  Normed<AttentionWeights> read_normed_attention(const std::string& at) {
    return {read_attention(at), read_norm(at + "_layer_norm")};
  }

  Normed<FeedForward> read_feed_forward(const std::string& at, int32_t inner) {
    const int32_t width = options_.width;
    return {{.up = read_affine(weights_, named(at + "fc1"), inner, width, true),
             .down = read_affine(weights_, named(at + "fc2"), width, inner, true),
             .activation = options_.activation},
            read_norm(at + "final_layer_norm")};
  }

  EncoderLayer read_encoder_layer(const std::string& at) {
    return {read_normed_attention(at + "self_attn"),
            read_feed_forward(at, options_.encoder.feed_forward)};
  }

  DecoderLayer read_decoder_layer(const std::string& at) {
    return {read_normed_attention(at + "self_attn"), read_normed_attention(at + "encoder_attn"),
            read_feed_forward(at, options_.decoder.feed_forward)};
  }

  BartLikeOptions options_;
  WeightReader weights_;
  GraphBuilder g_;
  EmbeddingTable table_;
  std::vector<DecoderLayer> layers_;
  std::vector<StoredSource> sources_;
};

BartLikeSide read_side(const Config& config, const std::string& side, int32_t width,
                       int32_t vocabulary) {
  const std::string heads_key = side + "_attention_heads";
  BartLikeSide read;
  read.layers = config.size(side + "_layers", 12);
  read.feed_forward = config.size(side + "_ffn_dim", 4096);
  read.heads.heads = config.size(heads_key, 16);
  read.heads.head_dim = read_head_dim(config, "d_model", width, heads_key, read.heads.heads);
  read.heads.scale = 1 / std::sqrt(static_cast<float>(read.heads.head_dim));
  read.vocabulary = vocabulary;
  return read;
}

}  // namespace

Graph build_bart_like(
    const Source& source, const BartLikeOptions& options,
    const std::function<BartLikePositions(WeightReader&, const std::string&)>& positions) {
  Graph graph;
  BartLike model(source, options, graph);
  model.encode(positions(model.weights(), "encoder"));
  model.decode(positions(model.weights(), "decoder"));
  graph.vocabulary = static_cast<uint32_t>(options.decoder.vocabulary);
  return graph;
}

BartLikeOptions read_bart_like(const Source& source) {
  const Config& config = *source.config;
  BartLikeOptions options;
  // A model without its head is saved without the prefix.
  const bool is_bare = source.checkpoint.contains("encoder.layers.0.fc1.weight");
  options.prefix = is_bare ? "" : "model.";
  options.head = "lm_head.weight";
  options.width = config.size("d_model", 1024);
  const int32_t vocabulary = config.size("vocab_size", 50265);
  options.encoder = read_side(config, "encoder", options.width, vocabulary);
  options.decoder = read_side(config, "decoder", options.width, vocabulary);
  options.activation = read_activation(config, "activation_function", "gelu");
  options.shared_embeddings = config.flag("tie_word_embeddings", true);
  options.tied_head = options.shared_embeddings;
  if (config.flag("scale_embedding", false)) options.embedding_scale = std::sqrt(options.width);
  return options;
}

BartLikePositions learned_positions(const Config& config, const BartLikeOptions& options,
                                    WeightReader& weights, const std::string& side) {
  constexpr int32_t kUnused = 2;
  const int32_t rows = config.size("max_position_embeddings", 1024) + kUnused;
  return {weights(options.prefix + side + ".embed_positions.weight", {rows, options.width}),
          kUnused};
}

BartLikePositions marian_positions(const Config& config, const BartLikeOptions& options,
                                   WeightReader& weights, const std::string& side) {
  const int32_t rows = config.size("max_position_embeddings", 1024);
  const std::string stored = options.prefix + side + ".embed_positions.weight";
  if (weights.contains(stored)) return {weights(stored, {rows, options.width})};
  const double exponent = options.width / 2.0;
  return {sinusoidal_table({rows, options.width, exponent}, /*extra_sine=*/true)};
}

BartLikePositions fairseq_positions(int32_t positions, int32_t width, int32_t padding) {
  const int32_t offset = padding + 1;
  const int32_t half = width / 2;
  const double exponent = half - 1;
  return {sinusoidal_table({positions + offset, width, exponent}, /*extra_sine=*/false),
          static_cast<uint32_t>(offset)};
}

}  // namespace linnet::convert
