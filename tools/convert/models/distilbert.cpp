// DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT without token types and pooler; the
// equations are those of transformers' modeling_distilbert.py.

#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "tools/convert/models/bert_heads.h"
#include "tools/convert/models/encoder_parts.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"distilbert"};
constexpr const char* kClasses[] = {"DistilBert"};
constexpr const char* kArchitectures[] = {"DistilBertModel", "DistilBertForMaskedLM",
                                          "DistilBertForSequenceClassification",
                                          "DistilBertForTokenClassification"};
constexpr float kNormEpsilon = 1e-12f;

/// sin(p / 10000^(2i / width)) in channel 2i, the cosine in channel 2i + 1 (Vaswani et al. 2017).
Weight sinusoids(int32_t positions, int32_t width) {
  auto rows = [width](uint64_t first, uint64_t count, std::span<float> out) {
    size_t next = 0;
    for (uint64_t p = first; p < first + count; ++p) {
      for (int32_t i = 0; i < width; ++i) {
        const double even = i - i % 2;
        const double angle = static_cast<double>(p) / std::pow(10000.0, even / width);
        out[next++] = static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    }
  };
  return {{positions, width}, std::move(rows)};
}

class DistilBert {
 public:
  DistilBert(const Config& config, WeightReader& weights, GraphBuilder& g)
      : config_(config),
        weights_(weights),
        g_(g),
        vocabulary_(config.size("vocab_size", 30522)),
        width_(config.size("dim", 768)),
        feed_forward_(config.size("hidden_dim", 4 * 768)),
        positions_(config.size("max_position_embeddings", 512)),
        heads_(read_encoder_heads(config, "n_heads", 12, width_)),
        activation_(read_activation(config, "activation", "gelu")),
        prefix_(encoder_prefix(weights, "distilbert", "embeddings.word_embeddings.weight")) {}

  /// Hidden states [T, width] of the graph's input.
  Value build() {
    const std::string at = prefix_ + "embeddings.";
    const Value tokens = g_.input_tokens();
    table_ = read_embedding(g_, weights_, at + "word_embeddings.weight", vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table_.value);
    x = g_.position_embedding("positions", x, positions(at + "position_embeddings.weight"));
    x = layer_norm(g_, "embedding_norm", x, norm(at + "LayerNorm"));
    const int32_t layers = config_.size("n_layers", 6);
    for (int32_t i = 0; i < layers; ++i) x = layer(i, x);
    return x;
  }

  BertHeads heads() const {
    return {.width = width_,
            .epsilon = kNormEpsilon,
            .dense = "vocab_transform",
            .norm = "vocab_layer_norm",
            .activation = activation_,
            .decoder = "vocab_projector",
            .decoder_bias = "vocab_projector.bias",
            .tied = config_.flag("tie_word_embeddings", true),
            .pooler = "pre_classifier",
            .pooler_activation = schema::Activation::relu,
            .classifier = "classifier",
            .token_classifier = "classifier"};
  }
  const EmbeddingTable& table() const { return table_; }
  int32_t vocabulary() const { return vocabulary_; }
  int32_t positions() const { return positions_; }

 private:
  /// What the checkpoint stores goes before what would stand there at first.
  Weight positions(const std::string& name) {
    if (weights_.contains(name) || !config_.flag("sinusoidal_pos_embds", false)) {
      return weights_(name, {positions_, width_});
    }
    config_.product("max_position_embeddings", positions_, "dim", width_);
    return sinusoids(positions_, width_);
  }

  Affine affine(const std::string& at, int32_t rows, int32_t columns) {
    return read_affine(weights_, at, rows, columns, /*has_bias=*/true);
  }
  Affine square(const std::string& at) { return affine(at, width_, width_); }
  LayerNorm norm(const std::string& at) {
    return read_layer_norm(weights_, at, width_, kNormEpsilon);
  }

  Value layer(int32_t index, Value x) {
    const auto scope = g_.scope("layers." + std::to_string(index));
    const std::string at = prefix_ + "transformer.layer." + std::to_string(index) + ".";
    const EncoderAttention attention = {.heads = heads_,
                                        .query = square(at + "attention.q_lin"),
                                        .key = square(at + "attention.k_lin"),
                                        .value = square(at + "attention.v_lin"),
                                        .output = square(at + "attention.out_lin")};
    return post_norm_layer(g_,
                           {.attention = attention,
                            .attention_norm = norm(at + "sa_layer_norm"),
                            .up = affine(at + "ffn.lin1", feed_forward_, width_),
                            .down = affine(at + "ffn.lin2", width_, feed_forward_),
                            .activation = activation_,
                            .output_norm = norm(at + "output_layer_norm")},
                           x);
  }

  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  int32_t vocabulary_, width_, feed_forward_, positions_;
  EncoderHeads heads_;
  schema::Activation activation_;
  std::string prefix_;
  EmbeddingTable table_;
};

}  // namespace

template <>
bool recognizes<struct DistilBertFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct DistilBertFamily>(const Source& source) {
  const EncoderTask task = read_encoder_task(source, kClasses);
  Graph graph;
  WeightReader weights(source.checkpoint);
  GraphBuilder g(graph);
  g.begin(EntryKind::encode);
  DistilBert encoder(*source.config, weights, g);
  const Value hidden = encoder.build();
  const BertHeads heads = encoder.heads();
  output_task({source, graph, weights, g}, heads, task, hidden, encoder.table());
  require_nothing_else(weights, heads, task);
  graph.vocabulary = static_cast<uint32_t>(encoder.vocabulary());
  graph.context = text_length(source, encoder.positions());
  return graph;
}

}  // namespace linnet::convert
