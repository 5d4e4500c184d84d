#include "tools/convert/models/pooling_classifier.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

namespace linnet::convert {
namespace {

/// The names of a block's two layers.
struct Block {
  std::string norm;
  std::string linear;
};

/// x -> (x - mean) / sqrt(variance + epsilon) * weight + bias, as x * scale + shift.
struct BatchNorm {
  std::vector<double> scale, shift;
};

/// "0.module.3.1.weight" -> {3, 1} behind "0.module."; empty for other names.
std::vector<int> numbers_behind(const std::string& name, const std::string& at,
                                const std::string& end) {
  if (!name.starts_with(at) || !name.ends_with(end)) return {};
  std::vector<int> numbers = {0};
  for (const char c : name.substr(at.size(), name.size() - at.size() - end.size())) {
    if (c == '.') {
      numbers.push_back(0);
    } else if (c >= '0' && c <= '9' && numbers.back() < 10000) {
      numbers.back() = numbers.back() * 10 + (c - '0');
    } else {
      return {};
    }
  }
  return numbers;
}

/// The layers in their order, whatever the numbers that dropout and ReLU take between them.
std::vector<Block> find_blocks(const Checkpoint& checkpoint, const std::string& at) {
  std::vector<std::pair<std::vector<int>, std::string>> layers;
  const std::string end = ".weight";
  for (const auto& entry : checkpoint.tensors()) {
    const std::string& name = entry.first;
    std::vector<int> numbers = numbers_behind(name, at, end);
    if (numbers.empty()) continue;
    layers.emplace_back(std::move(numbers), name.substr(0, name.size() - end.size()));
  }
  std::sort(layers.begin(), layers.end());
  std::vector<Block> blocks;
  for (size_t i = 0; i + 1 < layers.size(); i += 2) {
    blocks.push_back({layers[i].second, layers[i + 1].second});
  }
  const bool alternate = std::all_of(blocks.begin(), blocks.end(), [&](const Block& block) {
    return checkpoint.contains(block.norm + ".running_mean") &&
           !checkpoint.contains(block.linear + ".running_mean");
  });
  if (blocks.empty() || layers.size() % 2 != 0 || !alternate) {
    throw std::runtime_error(checkpoint.files().front() + ": the layers " + at +
                             "N are not batch norms and linear layers in turn");
  }
  return blocks;
}

std::vector<float> values_of(const Weight& weight) {
  std::vector<float> values(element_count(weight.shape));
  weight.rows(0, static_cast<uint64_t>(weight.size(0)), values);
  return values;
}

BatchNorm read_batch_norm(WeightReader& weights, const std::string& at, int32_t width,
                          double epsilon) {
  const std::vector<float> weight = values_of(weights(at + ".weight", {width}));
  const std::vector<float> bias = values_of(weights(at + ".bias", {width}));
  const std::vector<float> mean = values_of(weights(at + ".running_mean", {width}));
  const std::vector<float> variance = values_of(weights(at + ".running_var", {width}));
  BatchNorm norm;
  for (size_t i = 0; i < weight.size(); ++i) {
    const double scale = double{weight[i]} / std::sqrt(double{variance[i]} + epsilon);
    norm.scale.push_back(scale);
    norm.shift.push_back(double{bias[i]} - double{mean[i]} * scale);
  }
  return norm;
}

/// W (x * scale + shift) + bias = (W * scale) x + (W shift + bias).
Value folded_linear(const std::string& name, WeightReader& weights, const Block& block,
                    double epsilon, schema::Activation activation, GraphBuilder& g, Value x) {
  const int32_t inputs = g.width(x);
  const int32_t outputs = weights.matrix_shape(block.linear + ".weight")[0];
  const BatchNorm norm = read_batch_norm(weights, block.norm, inputs, epsilon);
  std::vector<float> matrix = values_of(weights(block.linear + ".weight", {outputs, inputs}));
  std::vector<float> bias(static_cast<size_t>(outputs), 0.0f);
  if (weights.contains(block.linear + ".bias")) {
    bias = values_of(weights(block.linear + ".bias", {outputs}));
  }
  for (size_t o = 0; o < bias.size(); ++o) {
    double shift = bias[o];
    for (size_t i = 0; i < norm.scale.size(); ++i) {
      float& value = matrix[o * norm.scale.size() + i];
      shift += double{value} * norm.shift[i];
      value = static_cast<float>(double{value} * norm.scale[i]);
    }
    bias[o] = static_cast<float>(shift);
  }
  return g.linear(name, x, constant({outputs, inputs}, std::move(matrix)),
                  {.bias = constant({outputs}, std::move(bias)),
                   .activation = activation,
                   .role = WeightRole::head});
}

void check_widths(const Config& config, const std::vector<int32_t>& widths) {
  if (!config.has("lin_ftrs") || config.sizes("lin_ftrs") == widths) return;
  std::string found;
  for (const int32_t width : widths) found += (found.empty() ? "" : ", ") + std::to_string(width);
  config.fail("lin_ftrs", "[" + found + "], as the tensors have it");
}

}  // namespace

Value pooling_classifier(const Checkpoint& checkpoint, WeightReader& weights, const std::string& at,
                         double epsilon, GraphBuilder& g, Value x, const Config& config) {
  const auto scope = g.scope("classifier");
  const std::vector<Block> blocks = find_blocks(checkpoint, at);
  std::vector<int32_t> widths;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool last = i + 1 == blocks.size();
    x = folded_linear("layers." + std::to_string(i), weights, blocks[i], epsilon,
                      last ? schema::Activation::none : schema::Activation::relu, g, x);
    if (!last) widths.push_back(g.width(x));
  }
  check_widths(config, widths);
  return x;
}

}  // namespace linnet::convert
