#include "runtime/model/linear_weights.h"

namespace linnet {

LinearWeights LinearWeights::of(const Graph& graph, int32_t matrix, int32_t bias) {
  const Tensor& tensor = graph.tensors[static_cast<size_t>(matrix)];
  LinearWeights weights;
  weights.type = tensor.type;
  weights.block = tensor.block;
  weights.outputs = tensor.shape[0].number();
  weights.inputs = tensor.shape[1].number();
  weights.matrix = tensor.data;
  weights.scales = tensor.scales;
  if (bias >= 0) {
    weights.bias = static_cast<const float*>(graph.tensors[static_cast<size_t>(bias)].data);
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
