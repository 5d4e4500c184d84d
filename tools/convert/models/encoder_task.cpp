#include "tools/convert/models/encoder_task.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/convert/models/sentence_modules.h"

namespace linnet::convert {
namespace {

constexpr std::array kTasks = {
    std::pair{"Model", EncoderTask::hidden_states},
    std::pair{"ForMaskedLM", EncoderTask::masked_lm},
    std::pair{"ForSequenceClassification", EncoderTask::sequence_classification},
    std::pair{"ForTokenClassification", EncoderTask::token_classification},
};

constexpr int32_t kMostLabels = 1 << 16;

/// The index that a key of id2label is, which must be below `count`.
size_t label_index(const Config& config, const std::string& key, size_t count) {
  size_t index = count;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), index);
  if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size() || index >= count) {
    config.fail("id2label",
                "names of the labels 0 to " + std::to_string(count - 1) + ", not of '" + key + "'");
  }
  return index;
}

std::vector<std::string> label_names(const Config& config) {
  const auto named = config.dictionary("id2label");
  const int32_t unnamed = config.size("num_labels", 2);
  if (unnamed > kMostLabels) config.fail("num_labels", "at most " + std::to_string(kMostLabels));
  const size_t count = named.empty() ? static_cast<size_t>(unnamed) : named.size();
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back("LABEL_" + std::to_string(i));
  for (const auto& [key, name] : named) names[label_index(config, key, count)] = name;
  return names;
}

schema::LabelFunction label_function(const Config& config, size_t labels) {
  config.require_one_of("problem_type", {"", "regression", "single_label_classification",
                                         "multi_label_classification"});
  const std::string problem = config.text("problem_type", "");
  if (problem == "regression") return schema::LabelFunction::none;
  const bool is_alone = problem == "multi_label_classification" || labels == 1;
  return is_alone ? schema::LabelFunction::sigmoid : schema::LabelFunction::softmax;
}

}  // namespace

EncoderTask read_encoder_task(const Source& source, std::span<const char* const> classes) {
  const Config& config = *source.config;
  if (has_sentence_modules(source) || !config.has("architectures")) {
    return EncoderTask::hidden_states;
  }
  const std::vector<std::string> names = config.texts("architectures");
  std::string known;
  for (const char* name_of_class : classes) {
    for (const auto& [ending, task] : kTasks) {
      const std::string name = std::string(name_of_class) + ending;
      if (!names.empty() && names.front() == name) return task;
      known += (known.empty() ? "'" : ", '") + name + "'";
    }
  }
  config.fail("architectures", "one of " + known);
}

uint32_t text_length(const Source& source, int32_t positions) {
  return static_cast<uint32_t>(
      std::min(positions, read_sentence_length(source).value_or(positions)));
}

Labels read_labels(const Config& config) {
  Labels labels;
  labels.names = label_names(config);
  labels.function = label_function(config, labels.names.size());
  return labels;
}

Value label_logits(GraphBuilder& g, Value x, const Affine& classifier) {
  return g.linear("logits", x, classifier.weight,
                  classifier.options(schema::Activation::none, WeightRole::gate));
}

void output_hidden_states(GraphBuilder& g, const Source& source, Value hidden) {
  g.output("last_hidden_state", hidden);
  const SentenceModules modules = read_sentence_modules(source, g.width(hidden));
  g.output("sentence_embedding", sentence_embedding(g, modules, hidden));
}

}  // namespace linnet::convert
