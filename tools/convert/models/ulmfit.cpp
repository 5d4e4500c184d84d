// ULMFiT (Howard and Ruder 2018, arXiv:1801.06146): fastai's AWD-LSTM (Merity et al. 2017,
// arXiv:1708.02182) as a language model and under a text classifier. The equations are those of
// fastai's text/models in evaluation, where dropout is gone. fastai writes no config.json: sizes
// come from the tensors; where there is a config, it is checked, and says what the tensors can't.

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/convert/models/encoder_task.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/pooling_classifier.h"
#include "tools/convert/weights.h"

namespace linnet::convert {
namespace {

constexpr const char* kLanguageModel = "0.";
constexpr const char* kClassifier = "0.module.";
constexpr const char* kClassifierHead = "1.layers.";

/// fastai's defaults: 72 tokens at a time, of which the last 20 times as many are pooled.
constexpr int32_t kChunk = 72;
constexpr int32_t kChunksPooled = 20;
constexpr double kBatchNormEpsilon = 1e-5;

Config config_of(const Source& source) {
  if (source.config) return *source.config;
  return {nlohmann::json::object(), source.path};
}

/// Whether the encoder's names begin with `at`, in whichever kind of layer.
bool has_encoder(const Source& source, const std::string& at) {
  for (const auto& entry : source.checkpoint.tensors()) {
    if (entry.first.starts_with(at + "rnns.0.")) {
      return source.checkpoint.contains(at + "encoder.weight");
    }
  }
  return false;
}

/// The stack of LSTMs, whose last one has the embedding's width again.
class AwdLstm {
 public:
  AwdLstm(const Config& config, WeightReader& weights, GraphBuilder& g, std::string at)
      : config_(config), weights_(weights), g_(g), at_(std::move(at)) {
    refuse_variants();
    const Shape table = weights_.matrix_shape(at_ + "encoder.weight");
    vocabulary_ = table[0];
    width_ = table[1];
    layers_ = weights_.count_layers(at_ + "rnns.");
    check_size("vocab_sz", vocabulary_);
    check_size("emb_sz", width_);
    check_size("n_layers", layers_);
    // What dropout of whole words is made of: the same table.
    weights_.ignore(at_ + "encoder_dp.emb.weight");
  }

  int32_t vocabulary() const { return vocabulary_; }
  int32_t width() const { return width_; }
  Value table() const { return table_; }

  Value build() {
    table_ = g_.weight("embedding.table", encoder_weight(), WeightRole::embedding);
    Value x = g_.embedding("embedding", g_.input_tokens(), table_);
    for (int32_t i = 0; i < layers_; ++i) x = layer(i, x);
    return x;
  }

  Weight encoder_weight() { return weights_(at_ + "encoder.weight", {vocabulary_, width_}); }

  void check_size(const std::string& key, int32_t found) const {
    if (!config_.has(key) || config_.size(key) == found) return;
    config_.fail(key, std::to_string(found) + ", as the tensors have it");
  }

 private:
  void refuse_variants() const {
    config_.require_one_of("arch", {"AWD_LSTM"});
    if (config_.flag("qrnn", false)) config_.fail("qrnn", "false: QRNN layers are not supported");
    if (config_.flag("bidir", false)) config_.fail("bidir", "false: one direction is supported");
    const std::string at = at_ + "rnns.0.";
    if (weights_.contains(at + "module.weight_hh_l0_raw_reverse") ||
        weights_.contains(at + "module.weight_ih_l0_reverse")) {
      throw std::runtime_error(config_.where() + ": bidirectional layers are not supported");
    }
    if (!weights_.contains(at + "weight_hh_l0_raw")) {
      throw std::runtime_error(config_.where() + ": " + at +
                               "weight_hh_l0_raw is missing: QRNN layers are not supported, LSTM "
                               "layers are");
    }
  }

  Value layer(int32_t index, Value x) {
    const std::string at = at_ + "rnns." + std::to_string(index) + ".";
    const auto scope = g_.scope("layers." + std::to_string(index));
    const bool last = index + 1 == layers_;
    const std::string recurrent = at + "weight_hh_l0_raw";
    const int32_t hidden = last ? width_ : weights_.matrix_shape(recurrent)[1];
    if (!last) check_size("n_hid", hidden);
    const int32_t inputs = g_.width(x);
    // What weight dropout made of weight_hh_l0_raw when the file was saved.
    weights_.ignore(at + "module.weight_hh_l0");
    const Weight bias = sum(weights_(at + "module.bias_ih_l0", {4 * hidden}),
                            weights_(at + "module.bias_hh_l0", {4 * hidden}));
    const Value gates = g_.linear(
        "input", x, weights_(at + "module.weight_ih_l0", {4 * hidden, inputs}), {.bias = bias});
    return g_.lstm("lstm", gates, weights_(recurrent, {4 * hidden, hidden}));
  }

  const Config& config_;
  WeightReader& weights_;
  GraphBuilder& g_;
  std::string at_;
  int32_t vocabulary_ = 0, width_ = 0, layers_ = 0;
  Value table_;
};

Graph build_language_model(const Source& source) {
  const Config config = config_of(source);
  WeightReader weights(source.checkpoint);
  Graph graph;
  GraphBuilder g(graph);
  AwdLstm lstm(config, weights, g, kLanguageModel);
  const Value hidden = g.last_rows("last", lstm.build());
  const Weight decoder = weights("1.decoder.weight", {lstm.vocabulary(), lstm.width()});
  LinearOptions options = {.role = WeightRole::head};
  const std::string bias = "1.decoder.bias";
  if (config.flag("out_bias", weights.contains(bias))) {
    options.bias = weights(bias, {lstm.vocabulary()});
  }
  // A tied decoder is saved a second time.
  const bool tied = config.flag("tie_weights", true) && same_values(decoder, lstm.encoder_weight());
  g.output(tied ? g.linear("head", hidden, lstm.table(), options)
                : g.linear("head", hidden, decoder, options));
  weights.require_all_used([](const std::string&) { return false; });
  graph.vocabulary = static_cast<uint32_t>(lstm.vocabulary());
  return graph;
}

/// Concat pooling: the last, the maximum and the mean of a text's outputs side by side. Chunks of
/// seq_len that begin more than max_len tokens before its end are left out; max_len null: none.
Value pooled(const Config& config, GraphBuilder& g, Value hidden) {
  uint32_t recent = 0, chunk = 0;
  if (!config.is_null("max_len")) {
    chunk = static_cast<uint32_t>(config.size("seq_len", kChunk));
    const auto chunks = static_cast<int32_t>(chunk * kChunksPooled);
    recent = static_cast<uint32_t>(config.size("max_len", chunks));
    if (recent < chunk) config.fail("max_len", "at least seq_len, or no chunk may be left to pool");
  }
  std::vector<Value> parts;
  for (const auto kind : {schema::PoolKind::last, schema::PoolKind::max, schema::PoolKind::mean}) {
    parts.push_back(g.pool(schema::EnumNamePoolKind(kind), hidden, {kind, recent, chunk}));
  }
  return g.concatenate("pool", parts);
}

/// y_range [low, high] squashes the outputs into a range.
Value ranged(const Config& config, GraphBuilder& g, Value logits) {
  if (!config.has("y_range")) return logits;
  const std::vector<double> range = config.numbers("y_range", {0, 1});
  return g.elementwise("range", logits)
      .sigmoid()
      .multiply(static_cast<float>(range[1] - range[0]))
      .add(static_cast<float>(range[0]))
      .end();
}

/// fastai keeps the names of its classes elsewhere: where a config has them, as `classes` or
/// `id2label`, they are these. One output, or one with a range, is a number, not a label's score.
Labels read_classes(const Config& config, int32_t count) {
  Labels labels;
  if (config.has("id2label")) {
    labels = read_labels(config);
  } else if (config.has("classes")) {
    labels.names = config.texts("classes");
  } else {
    for (int32_t i = 0; i < count; ++i) labels.names.push_back("LABEL_" + std::to_string(i));
  }
  if (labels.names.size() != static_cast<size_t>(count)) {
    config.fail(config.has("id2label") ? "id2label" : "classes",
                "names of " + std::to_string(count) + " classes, which the tensors have");
  }
  if (count == 1 || config.has("y_range")) labels.function = schema::LabelFunction::none;
  return labels;
}

Graph build_classifier(const Source& source) {
  const Config config = config_of(source);
  WeightReader weights(source.checkpoint);
  Graph graph;
  GraphBuilder g(graph);
  g.begin(EntryKind::encode);
  AwdLstm lstm(config, weights, g, kClassifier);
  const Value features = pooled(config, g, lstm.build());
  const double epsilon = config.number("bn_eps", kBatchNormEpsilon);
  const Value logits =
      pooling_classifier(source.checkpoint, weights, kClassifierHead, epsilon, g, features, config);
  lstm.check_size("n_class", g.width(logits));
  graph.labels = read_classes(config, g.width(logits));
  g.output("logits", ranged(config, g, logits));
  g.output("pooled", features);
  weights.require_all_used(
      [](const std::string& name) { return name.ends_with(".num_batches_tracked"); });
  graph.vocabulary = static_cast<uint32_t>(lstm.vocabulary());
  return graph;
}

}  // namespace

template <>
bool recognizes<struct UlmfitFamily>(const Source& source) {
  return has_encoder(source, kLanguageModel) && source.checkpoint.contains("1.decoder.weight");
}

template <>
Graph build<struct UlmfitFamily>(const Source& source) {
  return build_language_model(source);
}

template <>
bool recognizes<struct UlmfitClassifierFamily>(const Source& source) {
  return has_encoder(source, kClassifier);
}

template <>
Graph build<struct UlmfitClassifierFamily>(const Source& source) {
  return build_classifier(source);
}

}  // namespace linnet::convert
