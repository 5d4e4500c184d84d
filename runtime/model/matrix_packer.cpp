#include "runtime/model/matrix_packer.h"

#include "runtime/model/packed_matrix.h"

namespace linnet {

Status NativePacker::bytes(const LinearWeights& weights, size_t* out) const {
  return packed_matrix_bytes(weights, out);
}

Status NativePacker::pack(const LinearWeights& weights, void* packed, size_t bytes) const {
  return pack_matrix(weights, packed, bytes);
}

}  // namespace linnet
