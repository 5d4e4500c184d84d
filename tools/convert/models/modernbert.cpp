// ModernBERT (Warner et al. 2024, arXiv:2412.13663): norms before the layers, rotary positions,
// gated feed-forward layers, and windows in most of the attention; the equations are those of
// transformers' modeling_modernbert.py.

#include <cmath>
#include <string>
#include <vector>

#include "tools/convert/models/encoder_parts.h"
#include "tools/convert/models/encoder_task.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/rope.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"modernbert"};
constexpr const char* kClasses[] = {"ModernBert"};
constexpr const char* kArchitectures[] = {"ModernBertModel", "ModernBertForMaskedLM",
                                          "ModernBertForSequenceClassification",
                                          "ModernBertForTokenClassification"};

/// Every so many layers see the whole text, the first one among them.
std::vector<std::string> default_layer_types(const Config& config, int32_t layers) {
  const int32_t every = config.size("global_attn_every_n_layers", 3);
  std::vector<std::string> types;
  types.reserve(static_cast<size_t>(layers));
  for (int32_t i = 0; i < layers; ++i) {
    types.emplace_back(i % every == 0 ? "full_attention" : "sliding_attention");
  }
  return types;
}

/// rope_parameters has an object for each type of layer; older configs have bases beside it and a
/// rope_scaling for both types, and no base of its own where local_rope_theta is null.
RotaryFrequencies read_rotary(const Config& config, const std::string& type, int32_t head_dim) {
  const bool is_global = type == "full_attention";
  const double global_theta = config.number("global_rope_theta", 160000);
  const double local_theta =
      config.is_null("local_rope_theta") ? global_theta : config.number("local_rope_theta", 10000);
  Config parameters = config.object("rope_parameters").object(type);
  if (config.has("rope_scaling")) parameters = config.object("rope_scaling");
  return rotary_frequencies(config, parameters, head_dim, 1.0,
                            is_global ? global_theta : local_theta);
}

class ModernBert {
 public:
  ModernBert(const Source& source, Graph& graph)
      : source_(source),
        config_(*source.config),
        graph_(graph),
        weights_(source.checkpoint),
        g_(graph),
        task_(read_encoder_task(source, kClasses)),
        vocabulary_(config_.size("vocab_size", 50368)),
        width_(config_.size("hidden_size", 768)),
        feed_forward_(config_.size("intermediate_size", 1152)),
        heads_(read_encoder_heads(config_, "num_attention_heads", 12, width_)),
        activation_(read_activation(config_, "hidden_activation", "gelu")),
        epsilon_(static_cast<float>(config_.number("norm_eps", 1e-5))),
        prefix_(encoder_prefix(weights_, "model", "embeddings.tok_embeddings.weight")) {
    const int32_t layers = config_.size("num_hidden_layers", 22);
    types_ =
        read_layer_types(config_, "layer_types", layers, {"full_attention", "sliding_attention"},
                         config_.has("layer_types") ? std::vector<std::string>()
                                                    : default_layer_types(config_, layers));
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
    graph.context = text_length(source, config_.size("max_position_embeddings", 8192));
    g_.begin(EntryKind::encode);
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const std::string embeddings = prefix_ + "embeddings.";
    table_ =
        read_embedding(g_, weights_, embeddings + "tok_embeddings.weight", vocabulary_, width_);
    full_rotary_ = shared_rotary("full_attention");
    sliding_rotary_ = shared_rotary("sliding_attention");
    Value x = g_.embedding("embedding", tokens, table_.value);
    x = norm("embedding_norm", embeddings + "norm", x);
    for (size_t i = 0; i < types_.size(); ++i) x = layer(i, x);
    output(norm("norm", prefix_ + "final_norm", x));
    weights_.require_all_used([&](const std::string& name) {
      const bool is_head = name.starts_with("head.") || name.starts_with("decoder.") ||
                           name.starts_with("classifier.");
      return task_ == EncoderTask::hidden_states && is_head;
    });
  }

 private:
  Value norm(const std::string& name, const std::string& at, Value x) {
    return layer_norm(g_, name, x, read_norm(at));
  }
  LayerNorm read_norm(const std::string& at) {
    return read_layer_norm(weights_, at, width_, epsilon_, config_.flag("norm_bias", false));
  }

  SharedRotary shared_rotary(const std::string& type) {
    if (std::ranges::find(types_, type) == types_.end()) return {};
    const auto scope = g_.scope(type);
    return share_rotary(g_, read_rotary(config_, type, heads_.head_dim));
  }

  /// Tokens that a token sees on either side.
  int32_t reach() const {
    const int32_t reach = config_.size("local_attention", 128) / 2;
    if (reach == 0) config_.fail("local_attention", "at least 2");
    return reach;
  }

  Value layer(size_t index, Value x) {
    const std::string number = "layers." + std::to_string(index);
    const auto scope = g_.scope(number);
    const std::string at = prefix_ + number + ".";
    // The embeddings have been normalised.
    const Value attention_in = index == 0 ? x : norm("attention_norm", at + "attn_norm", x);
    const bool is_full = types_[index] == "full_attention";
    const Value attended = attention(at + "attn.", attention_in, is_full);
    x = g_.elementwise("attention_residual", x).add(attended).end();
    const Value out = mlp(at + "mlp.", norm("mlp_norm", at + "mlp_norm", x));
    return g_.elementwise("mlp_residual", x).add(out).end();
  }

  Value attention(const std::string& at, Value x, bool is_full) {
    const bool has_bias = config_.flag("attention_bias", false);
    const Affine all = read_affine(weights_, at + "Wqkv", 3 * width_, width_, has_bias);
    return encoder_attention(g_,
                             {.heads = heads_,
                              .query = row_range(all, 0, width_),
                              .key = row_range(all, width_, width_),
                              .value = row_range(all, 2 * width_, width_),
                              .output = read_affine(weights_, at + "Wo", width_, width_, has_bias),
                              .rotary = is_full ? full_rotary_ : sliding_rotary_,
                              .window = is_full ? 0 : reach()},
                             x);
  }

  Value mlp(const std::string& at, Value x) {
    const bool has_bias = config_.flag("mlp_bias", false);
    const int32_t both = config_.product("intermediate_size", feed_forward_, "2", 2);
    const Affine in = read_affine(weights_, at + "Wi", both, width_, has_bias);
    return gated_mlp(g_,
                     {.gate = row_range(in, 0, feed_forward_),
                      .up = row_range(in, feed_forward_, feed_forward_),
                      .down = read_affine(weights_, at + "Wo", width_, feed_forward_, has_bias),
                      .activation = activation_},
                     x);
  }

  void output(Value hidden) {
    switch (task_) {
      case EncoderTask::hidden_states:
        return output_hidden_states(g_, source_, hidden);
      case EncoderTask::masked_lm:
        return g_.output(predictions(hidden));
      case EncoderTask::sequence_classification:
        return g_.output(labels(g_.pool("pooled", hidden, {classifier_pooling()})));
      case EncoderTask::token_classification:
        return g_.output(labels(hidden));
    }
  }

  schema::PoolKind classifier_pooling() const {
    config_.require_one_of("classifier_pooling", {"cls", "mean"});
    const bool is_mean = config_.text("classifier_pooling", "cls") == "mean";
    return is_mean ? schema::PoolKind::mean : schema::PoolKind::first;
  }

  Value transformed(Value x) {
    const bool has_bias = config_.flag("classifier_bias", false);
    return head_transform(g_,
                          {.dense = read_affine(weights_, "head.dense", width_, width_, has_bias),
                           .activation = read_activation(config_, "classifier_activation", "gelu"),
                           .norm = read_norm("head.norm")},
                          x);
  }

  Value predictions(Value hidden) {
    std::optional<Weight> bias;
    if (config_.flag("decoder_bias", true)) bias = weights_("decoder.bias", {vocabulary_});
    return vocabulary_logits(g_, weights_, transformed(hidden), table_, "decoder.weight",
                             config_.flag("tie_word_embeddings", true), bias);
  }

  Value labels(Value x) {
    graph_.labels = read_labels(config_);
    const auto count = static_cast<int32_t>(graph_.labels.names.size());
    return label_logits(g_, transformed(x),
                        read_affine(weights_, "classifier", count, width_, true));
  }

  const Source& source_;
  const Config& config_;
  Graph& graph_;
  WeightReader weights_;
  GraphBuilder g_;
  EncoderTask task_;
  int32_t vocabulary_, width_, feed_forward_;
  EncoderHeads heads_;
  schema::Activation activation_;
  float epsilon_;
  std::string prefix_;
  std::vector<std::string> types_;
  EmbeddingTable table_;
  SharedRotary full_rotary_, sliding_rotary_;
};

}  // namespace

template <>
bool recognizes<struct ModernBertFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct ModernBertFamily>(const Source& source) {
  Graph graph;
  ModernBert(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
