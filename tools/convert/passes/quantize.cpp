#include "tools/convert/passes/quantize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

namespace linnet::convert {
namespace {

using schema::DataType;

struct Rule {
  WeightRole role;
  DataType stored;
};

// What int8 does to each kind of weight. A projection's error averages out over its inputs, and its
// bytes are what decoding waits for; the others are small, and their errors pile up over time.
constexpr Rule kInt8[] = {
    {WeightRole::projection, DataType::int8},
    {WeightRole::embedding, DataType::int8},  // a row is read at a time, with a scale of its own
    {WeightRole::head, DataType::int8},
    {WeightRole::gate, DataType::f32},      // decides how fast the memory forgets, at every token
    {WeightRole::low_rank, DataType::f32},  // decays again; a few percent of the bytes
    {WeightRole::vector, DataType::f32},    // one number per channel: nothing to average over
    {WeightRole::convolution, DataType::f32},
    {WeightRole::scales, DataType::f32},
};

constexpr std::pair<const char*, WeightFormat> kFormats[] = {
    {"f32", WeightFormat::f32},
    {"int8", WeightFormat::int8},
};

int32_t add_scales(Graph& graph, const Tensor& weight) {
  Tensor scales;
  scales.name = weight.name + ".scales";
  scales.storage = schema::Storage::weight;
  scales.shape = {weight.shape[0]};
  scales.role = WeightRole::scales;
  graph.tensors.push_back(std::move(scales));
  return static_cast<int32_t>(graph.tensors.size() - 1);
}

/// Inserts Quantize operators before the first Linear that needs each.
class ActivationQuantizer {
 public:
  explicit ActivationQuantizer(Graph& graph) : graph_(graph) {}

  void run() {
    std::vector<Operator> before = std::exchange(graph_.decode.operators, {});
    for (Operator& op : before) {
      if (std::holds_alternative<Linear>(op.attributes) && is_int8(op.inputs[1])) {
        op.inputs[0] = quantized(op.inputs[0]);
      }
      graph_.decode.operators.push_back(std::move(op));
    }
  }

 private:
  bool is_int8(int32_t tensor) const {
    return graph_.tensors[static_cast<size_t>(tensor)].type == DataType::int8;
  }

  int32_t quantized(int32_t input) {
    const auto [entry, is_new] = made_.try_emplace(input, -1);
    if (!is_new) return entry->second;
    const Tensor& source = graph_.tensors[static_cast<size_t>(input)];
    Tensor tensor;
    tensor.name = source.name + ".int8";
    tensor.type = DataType::dynamic_int8;
    tensor.shape = source.shape;
    Operator op{tensor.name, Quantize{}, {input}, {static_cast<int32_t>(graph_.tensors.size())}};
    entry->second = op.outputs[0];
    graph_.tensors.push_back(std::move(tensor));
    graph_.decode.operators.push_back(std::move(op));
    return entry->second;
  }

  Graph& graph_;
  std::map<int32_t, int32_t> made_;  // input -> its int8 form
};

}  // namespace

WeightFormat weight_format(const std::string& name) {
  std::string known;
  for (const auto& [known_name, format] : kFormats) {
    if (name == known_name) return format;
    known += std::string(known.empty() ? "" : ", ") + known_name;
  }
  throw std::runtime_error("weights '" + name + "' are not known; this version writes " + known);
}

const char* weight_format_name(WeightFormat format) {
  return std::find_if(std::begin(kFormats), std::end(kFormats),
                      [format](const auto& entry) { return entry.second == format; })
      ->first;
}

DataType stored_as(WeightFormat format, WeightRole role) {
  if (format == WeightFormat::f32) return DataType::f32;
  return std::find_if(std::begin(kInt8), std::end(kInt8),
                      [role](const Rule& rule) { return rule.role == role; })
      ->stored;
}

void quantize_weights(Graph& graph, WeightFormat format) {
  const size_t count = graph.tensors.size();
  for (size_t i = 0; i < count; ++i) {
    if (graph.tensors[i].storage != schema::Storage::weight) continue;
    const DataType type = stored_as(format, graph.tensors[i].role);
    graph.tensors[i].type = type;
    if (type != DataType::int8) continue;
    const int32_t scales = add_scales(graph, graph.tensors[i]);
    graph.tensors[i].scales = scales;
  }
  ActivationQuantizer(graph).run();
}

bool quantize_row(std::span<const float> row, std::span<int8_t> values, float& scale) {
  float largest = 0;
  bool finite = true;
  for (float value : row) {
    finite = finite && std::isfinite(value);
    largest = std::max(largest, std::fabs(value));
  }
  if (!finite) return false;
  scale = largest / 127.0f;
  // A row whose largest value is below 127 times the smallest float has no scale either.
  if (!std::isnormal(scale)) scale = 1.0f;
  for (size_t i = 0; i < row.size(); ++i) {
    const float nearest = std::nearbyint(row[i] / scale);
    values[i] = static_cast<int8_t>(std::clamp(nearest, -127.0f, 127.0f));
  }
  return true;
}

}  // namespace linnet::convert
