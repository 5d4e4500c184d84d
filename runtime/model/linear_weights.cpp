#include "runtime/model/linear_weights.h"

namespace linnet {
namespace {

/// Null stays null: a tensor that the file has packed only.
const void* behind(const void* start, size_t bytes) {
  return start == nullptr ? nullptr : static_cast<const std::byte*>(start) + bytes;
}

}  // namespace

LinearWeights LinearWeights::of(const Graph& graph, int32_t matrix, int32_t bias, size_t part,
                                size_t parts) {
  const Tensor& tensor = graph.tensors[static_cast<size_t>(matrix)];
  LinearWeights weights;
  weights.type = tensor.type;
  weights.block = tensor.block;
  weights.outputs = tensor.shape[0].number() / parts;
  weights.inputs = tensor.shape[1].number();
  weights.matrix = behind(tensor.data, part * weights.matrix_bytes());
  weights.scales = behind(tensor.scales, part * weights.scale_count() * weights.scale_bytes());
  if (bias >= 0) {
    const void* biases = graph.tensors[static_cast<size_t>(bias)].data;
    weights.bias = static_cast<const float*>(biases) + part * weights.outputs;
  }
  return weights;
}

size_t LinearWeights::matrix_bytes() const {
  const size_t values = inputs * outputs;
  switch (type) {
    case DataType::int4:
      return values / 2;
    case DataType::int8:
      return values;
    case DataType::f16:
    case DataType::bf16:
      return values * sizeof(uint16_t);
    default:
      return values * sizeof(float);
  }
}

}  // namespace linnet
