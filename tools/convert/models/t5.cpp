// T5 (Raffel et al. 2020, arXiv:1910.10683), T5 1.1, mT5 (Xue et al. 2021, arXiv:2010.11934) and
// umT5 (Chung et al. 2023, arXiv:2304.09151), whose layers have a bias of distances each, as
// transformers stores them; also their encoders alone.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/convert/models/family.h"
#include "tools/convert/models/seq2seq_parts.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"t5", "mt5", "umt5"};
constexpr const char* kArchitectures[] = {"T5ForConditionalGeneration",   "T5EncoderModel",
                                          "MT5ForConditionalGeneration",  "MT5EncoderModel",
                                          "UMT5ForConditionalGeneration", "UMT5EncoderModel"};

/// What transformers takes where a config is silent.
struct Defaults {
  int32_t vocabulary, layers, heads, feed_forward;
  const char* projection;
  bool tied;
};

Defaults defaults_of(const std::string& type) {
  if (type == "mt5") return {250112, 8, 6, 1024, "gated-gelu", false};
  if (type == "umt5") return {250112, 8, 6, 1024, "gated-gelu", true};
  return {32128, 6, 8, 2048, "relu", true};
}

struct Options {
  int32_t vocabulary, width, encoder_layers, decoder_layers, feed_forward, buckets;
  ScoredHeads heads;
  float epsilon;
  bool gated;
  schema::Activation activation;
  bool scaled_output, tied_head;
  bool bias_in_every_layer;
  int32_t max_distance;
};

/// The bucket of a distance, key behind query: half of the buckets are exact distances, the others
/// grow with its logarithm up to max_distance. In single precision, as the original computes it.
int32_t bucket_of(int32_t distance, int32_t buckets, int32_t max_distance) {
  const int32_t exact = buckets / 2;
  if (distance < exact) return distance;
  const float growth =
      std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const float beyond = growth * static_cast<float>(buckets - exact);
  return std::min(exact + static_cast<int32_t>(beyond), buckets - 1);
}

/// What bucketed biases [buckets, heads] mean for distances -r .. r of the key from the query, r =
/// max_distance: [heads, 2 r + 1]. Of both directions, half of the buckets are for keys ahead.
Weight by_distance(Weight bias, int32_t max_distance, bool both_directions) {
  const int32_t buckets = bias.size(0) / (both_directions ? 2 : 1);
  const auto source = [=](uint64_t row) {
    const int32_t ahead = static_cast<int32_t>(row) - max_distance;
    const int32_t distance = both_directions ? std::abs(ahead) : std::max(-ahead, 0);
    const int32_t first = both_directions && ahead > 0 ? buckets : 0;
    const int32_t bucket = first + bucket_of(distance, buckets, max_distance);
    return static_cast<uint64_t>(bucket);
  };
  return transposed(selected_rows(std::move(bias), 2 * max_distance + 1, source));
}

/// feed_forward_proj is an activation, or "gated-" and one; "gated-gelu" means the approximation by
/// tanh, as it was when there was no other. What transformers makes of it is stored beside it, and
/// what is stored there counts.
void read_projection(const Config& config, const char* fallback, Options& options) {
  constexpr const char* kKey = "feed_forward_proj";
  const std::string projection = config.text(kKey, fallback);
  const bool gated = projection.starts_with("gated-");
  options.gated = config.flag("is_gated_act", gated);
  const std::string name = gated ? projection.substr(6) : projection;
  const Config named({{kKey, projection == "gated-gelu" ? "gelu_new" : name}}, config.where());
  options.activation = config.has("dense_act_fn") ? read_activation(config, "dense_act_fn", "")
                                                  : read_activation(named, kKey, "");
}

void read_distances(const Config& config, Options& options) {
  constexpr const char* kBuckets = "relative_attention_num_buckets";
  constexpr const char* kDistance = "relative_attention_max_distance";
  constexpr int32_t kFarthest = 1 << 16;  // a table of all distances is stored
  options.buckets = config.size(kBuckets, 32);
  options.max_distance = config.size(kDistance, 128);
  if (options.buckets < 4 || options.buckets % 4 != 0) config.fail(kBuckets, "a multiple of 4");
  if (options.max_distance <= options.buckets / 2 || options.max_distance > kFarthest) {
    config.fail(kDistance, "above half of the buckets and at most " + std::to_string(kFarthest));
  }
}

Options read_options(const Config& config) {
  const std::string type = config.text("model_type", "t5");
  const Defaults defaults = defaults_of(type);
  Options options = {};
  options.vocabulary = config.size("vocab_size", defaults.vocabulary);
  options.width = config.size("d_model", 512);
  options.encoder_layers = config.size("num_layers", defaults.layers);
  options.decoder_layers = config.size("num_decoder_layers", options.encoder_layers);
  options.feed_forward = config.size("d_ff", defaults.feed_forward);
  options.heads.heads = config.size("num_heads", defaults.heads);
  options.heads.head_dim = config.size("d_kv", 64);
  config.product("num_heads", options.heads.heads, "d_kv", options.heads.head_dim);
  read_distances(config, options);
  options.epsilon = static_cast<float>(config.number("layer_norm_epsilon", 1e-6));
  read_projection(config, defaults.projection, options);
  options.tied_head = config.flag("tie_word_embeddings", defaults.tied);
  // T5 1.1 neither ties its head nor scales what goes into it; configs said so by one flag.
  options.scaled_output = config.flag("scale_decoder_outputs", options.tied_head);
  options.bias_in_every_layer = type == "umt5";
  return options;
}

class T5 {
 public:
  T5(const Source& source, Graph& graph)
      : options_(read_options(*source.config)), weights_(source.checkpoint), g_(graph) {
    graph.vocabulary = static_cast<uint32_t>(options_.vocabulary);
  }

  void build() {
    const bool decodes = weights_.contains("decoder.final_layer_norm.weight");
    const Value encoded = encode();
    if (decodes) {
      store_sources(encoded);
      decode();
    }
    weights_.require_all_used([](const std::string& name) {
      // Copies of the shared table, and a bias of the cross attention that old files carry along.
      return name == "encoder.embed_tokens.weight" || name == "decoder.embed_tokens.weight" ||
             name.ends_with(".EncDecAttention.relative_attention_bias.weight");
    });
  }

 private:
  Value encode() {
    const auto scope = g_.scope("encoder");
    g_.begin(EntryKind::encode);
    table_ = read_embedding(g_, weights_, table_name(), options_.vocabulary, options_.width);
    ResidualStream stream(g_, {NormPlacement::pre},
                          g_.embedding("embedding", g_.input_tokens(), table_.value));
    ScoredHeads heads = options_.heads;
    for (int32_t i = 0; i < options_.encoder_layers; ++i) {
      const std::string at = "encoder.block." + std::to_string(i) + ".layer.";
      read_bias(at, i, /*both_directions=*/true, heads);
      encoder_layer(g_, i, heads,
                    {read_attention(at, 0, "SelfAttention"), read_feed_forward(at, 1)}, stream);
    }
    const Value encoded = stream.end(read_norm("encoder.final_layer_norm"), /*last_rows=*/false);
    g_.output("last_hidden_state", encoded);
    return encoded;
  }

  /// The one table of both sides may be stored as one's own.
  std::string table_name() const {
    for (const char* name : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}) {
      if (!weights_.contains("shared.weight") && weights_.contains(name)) return name;
    }
    return "shared.weight";
  }

  void store_sources(Value encoded) {
    for (int32_t i = 0; i < options_.decoder_layers; ++i) {
      const auto scope = g_.scope("source." + std::to_string(i));
      const std::string at = "decoder.block." + std::to_string(i) + ".layer.";
      layers_.push_back({read_attention(at, 0, "SelfAttention"),
                         read_attention(at, 1, "EncDecAttention"), read_feed_forward(at, 2)});
      sources_.push_back(store_source(g_, layers_.back().cross_attention.weights, encoded));
    }
  }

  void decode() {
    const auto scope = g_.scope("decoder");
    g_.begin(EntryKind::decode);
    ResidualStream stream(g_, {NormPlacement::pre},
                          g_.embedding("embedding", g_.input_tokens(), table_.value));
    ScoredHeads heads = options_.heads;
    const ScoredHeads cross_heads = options_.heads;
    for (int32_t i = 0; i < options_.decoder_layers; ++i) {
      const auto index = static_cast<size_t>(i);
      const std::string at = "decoder.block." + std::to_string(i) + ".layer.";
      read_bias(at, i, /*both_directions=*/false, heads);
      decoder_layer(g_, i, heads, cross_heads, layers_[index], sources_[index], stream);
    }
    Value last = stream.end(read_norm("decoder.final_layer_norm"), /*last_rows=*/true);
    if (options_.scaled_output) {
      last = multiplied(g_, "scaled", last, 1 / std::sqrt(options_.width));
    }
    g_.output("logits",
              output_head(g_, weights_, last,
                          {.name = "lm_head.weight", .tied = options_.tied_head}, table_));
  }

  /// Layer 0's bias serves the layers above it, too, but for umT5's.
  void read_bias(const std::string& at, int32_t layer, bool both_directions, ScoredHeads& heads) {
    if (layer > 0 && !options_.bias_in_every_layer) return;
    const auto scope = g_.scope("layers." + std::to_string(layer));
    const Weight bias = weights_(at + "0.SelfAttention.relative_attention_bias.weight",
                                 {options_.buckets, options_.heads.heads});
    heads.bias =
        g_.weight("distance_bias", by_distance(bias, options_.max_distance, both_directions));
  }

  NormWeights read_norm(const std::string& at) {
    return {schema::NormKind::rms, options_.epsilon, weights_(at + ".weight", {options_.width})};
  }

  Affine read_matrix(const std::string& at, int32_t rows, int32_t columns) {
    return read_affine(weights_, at, rows, columns, /*has_bias=*/false);
  }

  Normed<AttentionWeights> read_attention(const std::string& at, int32_t index, const char* name) {
    const std::string layer = at + std::to_string(index) + ".";
    const int32_t inner = options_.heads.width();
    const auto inwards = [&](const char* matrix) {
      return read_matrix(layer + name + matrix, inner, options_.width);
    };
    return {{inwards(".q"), inwards(".k"), inwards(".v"),
             read_matrix(layer + name + ".o", options_.width, inner)},
            read_norm(layer + "layer_norm")};
  }

  Normed<FeedForward> read_feed_forward(const std::string& at, int32_t index) {
    const std::string layer = at + std::to_string(index) + ".";
    const std::string dense = layer + "DenseReluDense.";
    const auto inwards = [&](const char* matrix) {
      return read_matrix(dense + matrix, options_.feed_forward, options_.width);
    };
    FeedForward weights;
    weights.activation = options_.activation;
    weights.up = inwards(options_.gated ? "wi_1" : "wi");
    if (options_.gated) weights.gate = inwards("wi_0");
    weights.down = read_matrix(dense + "wo", options_.width, options_.feed_forward);
    return {std::move(weights), read_norm(layer + "layer_norm")};
  }

  Options options_;
  WeightReader weights_;
  GraphBuilder g_;
  EmbeddingTable table_;
  std::vector<DecoderLayer> layers_;
  std::vector<StoredSource> sources_;
};

}  // namespace

template <>
bool recognizes<struct T5Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct T5Family>(const Source& source) {
  Graph graph;
  T5(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
