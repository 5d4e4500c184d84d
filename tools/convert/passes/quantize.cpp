#include "tools/convert/passes/quantize.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/convert/passes/quantize_row.h"

namespace linnet::convert {
namespace {

using schema::DataType;

struct Rule {
  WeightRole role;
  DataType f16, int8, int4;  ///< what it's stored in with each of --weights
};

// The one table of mixed choices. A projection's error averages out over its inputs, and its bytes
// are what decoding waits for, so it bears the fewest bits. The table of the vocabulary keeps
// eight: a row stands alone for its token, both where it's embedded and where it's predicted. What
// steers the memory stays exact, since its errors pile up over time, and is small. Other low-rank
// paths are f16, as checkpoints have them: in f32 they'd be a sixth of the bytes of an int8 token
// and a fifth of an int4 one's. An LSTM's recurrent matrix feeds its own errors back at every token
// and is read once for each, so that it keeps the 11 bits of f16, at half the bytes.
constexpr Rule kRules[] = {
    {WeightRole::projection, DataType::f16, DataType::int8, DataType::int4},
    {WeightRole::embedding, DataType::f16, DataType::int8, DataType::int8},
    {WeightRole::head, DataType::f16, DataType::int8, DataType::int8},
    {WeightRole::gate, DataType::f32, DataType::f32, DataType::f32},
    {WeightRole::low_rank, DataType::f16, DataType::f16, DataType::f16},
    {WeightRole::decay, DataType::f16, DataType::f32, DataType::f32},
    {WeightRole::recurrent, DataType::f16, DataType::f16, DataType::f16},
    {WeightRole::vector, DataType::f32, DataType::f32, DataType::f32},
    {WeightRole::convolution, DataType::f32, DataType::f32, DataType::f32},
    {WeightRole::scales, DataType::f32, DataType::f32, DataType::f32},
};

constexpr std::pair<const char*, WeightFormat> kFormats[] = {
    {"f32", WeightFormat::f32},
    {"f16", WeightFormat::f16},
    {"int8", WeightFormat::int8},
    {"int4", WeightFormat::int4},
};

/// Whether one int4 scale per row serves as well as one per block: weights that came from such a
/// form, say. Rows are read until one says no, most often the first.
bool one_scale_loses_nothing(const Tensor& weight) {
  std::vector<float> row(static_cast<size_t>(weight.shape[1]));
  for (uint64_t i = 0; i < static_cast<uint64_t>(weight.shape[0]); ++i) {
    weight.rows(i, 1, row);
    const Int4Errors errors = int4_errors(row);
    if (!(errors.row <= errors.blocks)) return false;
  }
  return true;
}

/// What the rows that matrices of a type multiply become in an entry point. A scale per row is
/// coarse where a few values of it are large, as products of activations are: with int8 weights
/// most of the error would be theirs, so that those get 16 bits, which costs a chunk time but a
/// decoded token, who waits for the weights, next to none. An encoder does nothing but chunks, and
/// its errors feed no text back to it: 8 bits take half the time there. int4 weights err more than
/// 8-bit rows do.
DataType rows_for(DataType weights, bool is_decoder) {
  return weights == DataType::int8 && is_decoder ? DataType::dynamic_int16 : DataType::dynamic_int8;
}

/// int4 is there for whole blocks only.
DataType type_of(const Tensor& weight, WeightFormat format) {
  const DataType type = stored_as(format, weight.role);
  if (type != DataType::int4) return type;
  const bool whole = weight.shape.size() == 2 && weight.shape[1] % int32_t{kInt4Block} == 0;
  return whole ? DataType::int4 : DataType::int8;
}

/// Values per scale along a row; 0: one scale per row.
uint32_t block_of(const Tensor& weight) {
  if (weight.type == DataType::int4) return one_scale_loses_nothing(weight) ? 0 : kInt4Block;
  const bool is_long = weight.shape.size() == 2 && weight.shape[1] > int32_t{kInt8Block};
  return is_long ? kInt8Block : 0;
}

int32_t add_scales(Graph& graph, const Tensor& weight) {
  Tensor scales;
  scales.name = weight.name + ".scales";
  scales.storage = schema::Storage::weight;
  scales.shape = {weight.shape[0]};
  if (weight.block != 0) {
    const auto block = static_cast<int32_t>(weight.block);
    scales.type = weight.type == DataType::int4 ? DataType::bf16 : DataType::f32;
    scales.shape.push_back((weight.shape[1] + block - 1) / block);
  }
  scales.role = WeightRole::scales;
  graph.tensors.push_back(std::move(scales));
  return static_cast<int32_t>(graph.tensors.size() - 1);
}

/// Inserts Quantize operators behind those that make what is quantised, so that the runtime does
/// both in one pass over the rows.
class ActivationQuantizer {
 public:
  ActivationQuantizer(Graph& graph, EntryPoint& entry)
      : graph_(graph), is_decoder_(&entry == &graph.decode), operators_(entry.operators) {}

  void run() {
    std::vector<Operator> before = std::exchange(operators_, {});
    for (Operator& op : before) {
      if (multiplies(op)) {
        const DataType weights = graph_.tensors[static_cast<size_t>(op.inputs[1])].type;
        if (weights == DataType::int8 || weights == DataType::int4)
          op.inputs[0] = quantized(op.inputs[0], rows_for(weights, is_decoder_));
      }
      operators_.push_back(std::move(op));
    }
  }

 private:
  /// Whether the operator's first input meets matrices, the first of which is the second input.
  static bool multiplies(const Operator& op) {
    return std::holds_alternative<Linear>(op.attributes) ||
           std::holds_alternative<MixtureOfExperts>(op.attributes);
  }

  int32_t quantized(int32_t input, DataType type) {
    const auto [entry, is_new] = made_.try_emplace({input, type}, -1);
    if (!is_new) return entry->second;
    const Tensor& source = graph_.tensors[static_cast<size_t>(input)];
    Tensor tensor;
    tensor.name = source.name + (type == DataType::dynamic_int16 ? ".int16" : ".int8");
    tensor.type = type;
    tensor.shape = source.shape;
    Operator op{tensor.name, Quantize{}, {input}, {static_cast<int32_t>(graph_.tensors.size())}};
    entry->second = op.outputs[0];
    graph_.tensors.push_back(std::move(tensor));
    operators_.insert(behind_maker_of(input), std::move(op));
    return entry->second;
  }

  /// Behind the last operator so far that wrote to the tensor, and the Quantize operators there.
  std::vector<Operator>::iterator behind_maker_of(int32_t tensor) {
    const auto makes = [&](const Operator& op) { return graph_.makes(op, tensor); };
    auto place = std::find_if(operators_.rbegin(), operators_.rend(), makes).base();
    const auto is_quantize = [](const Operator& op) {
      return std::holds_alternative<Quantize>(op.attributes);
    };
    return std::find_if_not(place, operators_.end(), is_quantize);
  }

  Graph& graph_;
  const bool is_decoder_;
  std::vector<Operator>& operators_;
  std::map<std::pair<int32_t, DataType>, int32_t> made_;  // an input's quantised forms
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
  const Rule& rule = *std::find_if(std::begin(kRules), std::end(kRules),
                                   [role](const Rule& known) { return known.role == role; });
  switch (format) {
    case WeightFormat::f16:
      return rule.f16;
    case WeightFormat::int8:
      return rule.int8;
    case WeightFormat::int4:
      return rule.int4;
    case WeightFormat::f32:
      break;
  }
  return DataType::f32;
}

void quantize_weights(Graph& graph, WeightFormat format) {
  const size_t count = graph.tensors.size();
  for (size_t i = 0; i < count; ++i) {
    Tensor& weight = graph.tensors[i];
    if (weight.storage != schema::Storage::weight) continue;
    weight.type = type_of(weight, format);
    if (weight.type != DataType::int8 && weight.type != DataType::int4) continue;
    weight.block = block_of(weight);
    const int32_t scales = add_scales(graph, weight);
    graph.tensors[i].scales = scales;  // `weight` has moved
  }
  for (EntryPoint* entry : graph.entry_points()) ActivationQuantizer(graph, *entry).run();
}

}  // namespace linnet::convert
