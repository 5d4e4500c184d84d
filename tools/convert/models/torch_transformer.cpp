// torch.nn.Transformer, the encoder-decoder of PyTorch (Vaswani et al. 2017, arXiv:1706.03762),
// with the embedding, positions and head of the program that trained it around it.

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/family.h"
#include "tools/convert/models/seq2seq_parts.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"torch_transformer"};
constexpr const char* kPositions = "pos_encoding";

struct Options {
  int32_t source_vocabulary, vocabulary, width, encoder_layers, decoder_layers, feed_forward;
  ScoredHeads heads;
  schema::Activation activation;
  Residuals residuals;
  float epsilon;
  double embedding_scale;
  bool shared_embeddings, tied_head;
  int32_t positions;
};

/// "sqrt(d_model)", a number, or nothing.
double read_scale(const Config& config, int32_t width) {
  constexpr const char* kKey = "embed_scale";
  if (!config.is_text(kKey)) return config.number(kKey, 1);
  const std::string text = config.text(kKey, "");
  if (text == "none") return 1;
  if (text != "sqrt(d_model)") config.fail(kKey, "'sqrt(d_model)', 'none' or a number");
  return std::sqrt(width);
}

Options read_options(const Config& config) {
  Options options = {};
  const char* const vocabulary_key = config.has("tgt_vocab_size") ? "tgt_vocab_size" : "vocab_size";
  options.vocabulary = config.size(vocabulary_key);
  options.source_vocabulary = config.size("src_vocab_size", options.vocabulary);
  options.width = config.size("d_model", 512);
  options.heads.heads = config.size("nhead", 8);
  options.heads.head_dim =
      read_head_dim(config, "d_model", options.width, "nhead", options.heads.heads);
  options.heads.scale = 1 / std::sqrt(static_cast<float>(options.heads.head_dim));
  options.encoder_layers = config.size("num_encoder_layers", 6);
  options.decoder_layers = config.size("num_decoder_layers", 6);
  options.feed_forward = config.size("dim_feedforward", 2048);
  config.require_one_of("activation", {"relu", "gelu"});
  options.activation = read_activation(config, "activation", "relu");
  const bool norm_first = config.flag("norm_first", false);
  options.residuals.placement = norm_first ? NormPlacement::pre : NormPlacement::post;
  options.epsilon = static_cast<float>(config.number("layer_norm_eps", 1e-5));
  options.embedding_scale = read_scale(config, options.width);
  options.shared_embeddings = config.flag("share_embeddings", true);
  options.tied_head = config.flag("tie_embeddings", options.shared_embeddings);
  return options;
}

class TorchTransformer {
 public:
  TorchTransformer(const Source& source, Graph& graph)
      : config_(*source.config),
        options_(read_options(config_)),
        weights_(source.checkpoint),
        g_(graph),
        has_bias_(config_.flag("bias", weights_.contains("transformer.encoder.layers.0."
                                                         "linear1.bias"))) {
    graph.vocabulary = static_cast<uint32_t>(options_.vocabulary);
  }

  void build() {
    encode();
    decode();
    weights_.require_all_used([](const std::string&) { return false; });
  }

 private:
  void encode() {
    const auto scope = g_.scope("encoder");
    g_.begin(EntryKind::encode);
    table_ = read_embedding(
        g_, weights_, options_.shared_embeddings ? "embedding.weight" : "src_embedding.weight",
        options_.source_vocabulary, options_.width);
    ResidualStream stream(g_, options_.residuals, embedded());
    for (int32_t i = 0; i < options_.encoder_layers; ++i) {
      const std::string at = "transformer.encoder.layers." + std::to_string(i) + ".";
      encoder_layer(g_, i, options_.heads,
                    {{read_attention(at + "self_attn."), read_norm(at + "norm1")},
                     {read_feed_forward(at), read_norm(at + "norm2")}},
                    stream);
    }
    const Value encoded = stream.end(read_norm("transformer.encoder.norm"), /*last_rows=*/false);
    g_.output("last_hidden_state", encoded);
    for (int32_t i = 0; i < options_.decoder_layers; ++i) {
      layers_.push_back(read_decoder_layer(i));
      const auto layer_scope = g_.scope("source." + std::to_string(i));
      sources_.push_back(store_source(g_, layers_.back().cross_attention.weights, encoded));
    }
  }

  void decode() {
    const auto scope = g_.scope("decoder");
    g_.begin(EntryKind::decode);
    if (!options_.shared_embeddings) {
      table_ =
          read_embedding(g_, weights_, "tgt_embedding.weight", options_.vocabulary, options_.width);
    }
    ResidualStream stream(g_, options_.residuals, embedded());
    for (int32_t i = 0; i < options_.decoder_layers; ++i) {
      const auto index = static_cast<size_t>(i);
      decoder_layer(g_, i, options_.heads, options_.heads, layers_[index], sources_[index], stream);
    }
    const Value last = stream.end(read_norm("transformer.decoder.norm"), /*last_rows=*/true);
    OutputHead head = {.name = "out.weight", .tied = options_.tied_head};
    if (weights_.contains("out.bias")) head.bias = weights_("out.bias", {options_.vocabulary});
    g_.output("logits", output_head(g_, weights_, last, head, table_));
  }

  /// Learned or made of sinusoids, the positions are stored.
  Value embedded() {
    Value x = g_.embedding("embedding", g_.input_tokens(), table_.value);
    x = multiplied(g_, "embedding_scale", x, options_.embedding_scale);
    if (!weights_.contains(kPositions) && config_.text("position", "") == "none") return x;
    return g_.position_embedding("positions", x,
                                 weights_(kPositions, {config_.size("max_len"), options_.width}));
  }

  Affine read_affine(const std::string& at, int32_t rows, int32_t columns) {
    return convert::read_affine(weights_, at, rows, columns, has_bias_);
  }

  NormWeights read_norm(const std::string& at) {
    NormWeights norm = {schema::NormKind::layer, options_.epsilon,
                        weights_(at + ".weight", {options_.width})};
    if (has_bias_) norm.bias = weights_(at + ".bias", {options_.width});
    return norm;
  }

  /// Query, key and value are the thirds of one matrix.
  AttentionWeights read_attention(const std::string& at) {
    const int32_t width = options_.width;
    Affine all{weights_(at + "in_proj_weight", {3 * width, width}), {}};
    if (has_bias_) all.bias = weights_(at + "in_proj_bias", {3 * width});
    return {row_range(all, 0, width), row_range(all, width, width),
            row_range(all, 2 * width, width), read_affine(at + "out_proj", width, width)};
  }

  FeedForward read_feed_forward(const std::string& at) {
    return {.up = read_affine(at + "linear1", options_.feed_forward, options_.width),
            .down = read_affine(at + "linear2", options_.width, options_.feed_forward),
            .activation = options_.activation};
  }

  DecoderLayer read_decoder_layer(int32_t index) {
    const std::string at = "transformer.decoder.layers." + std::to_string(index) + ".";
    return {{read_attention(at + "self_attn."), read_norm(at + "norm1")},
            {read_attention(at + "multihead_attn."), read_norm(at + "norm2")},
            {read_feed_forward(at), read_norm(at + "norm3")}};
  }

  Config config_;
  Options options_;
  WeightReader weights_;
  GraphBuilder g_;
  bool has_bias_;
  EmbeddingTable table_;
  std::vector<DecoderLayer> layers_;
  std::vector<StoredSource> sources_;
};

}  // namespace

template <>
bool recognizes<struct TorchTransformerFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct TorchTransformerFamily>(const Source& source) {
  Graph graph;
  TorchTransformer(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
