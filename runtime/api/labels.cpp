#include <linnet/linnet.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/api/handles.h"

namespace linnet {
namespace {

void softmax(std::span<const float> logits, float* scores) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += scores[i] = std::exp(logits[i] - largest);
  for (size_t i = 0; i < logits.size(); ++i) scores[i] /= sum;
}

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace
}  // namespace linnet

extern "C" {

const char* linnet_model_label(const linnet_model* model, size_t index) {
  const auto& labels = model->model->classifier().labels;
  return index < labels.size() ? labels[index] : nullptr;
}

void linnet_model_label_scores(const linnet_model* model, const float* logits, float* scores) {
  const linnet::Classifier& classifier = model->model->classifier();
  const std::span<const float> row(logits, classifier.labels.size());
  if (row.empty()) return;
  switch (classifier.function) {
    case linnet::LabelFunction::softmax:
      return linnet::softmax(row, scores);
    case linnet::LabelFunction::sigmoid:
      std::transform(row.begin(), row.end(), scores, linnet::sigmoid);
      return;
    case linnet::LabelFunction::none:
      std::copy(row.begin(), row.end(), scores);
  }
}

}  // extern "C"
