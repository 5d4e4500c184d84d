#include "runtime/model/packing_limit.h"

#include <algorithm>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/model/matrix_place.h"

namespace linnet {
namespace {

// Models have every matrix once or, where an encoder and a decoder share it, twice. The first term
// is for files so small that it does no harm.
uint64_t most_matrix_bytes(size_t file_bytes) {
  constexpr uint64_t harmless = uint64_t{64} << 20;
  return harmless + 4 * uint64_t{file_bytes};
}

class PackingCheck {
 public:
  PackingCheck(const Graph& graph, size_t file_bytes)
      : graph_(graph), file_bytes_(file_bytes), bytes_left_(most_matrix_bytes(file_bytes)) {}

  /// Finds the largest packed matrix of every weight, whoever it is packed for.
  bool find_packed(std::span<const StoredSection> sections) {
    if (!packed_bytes_.allocate(graph_.tensors.size())) return false;
    for (const StoredSection& section : sections) {
      for (const StoredMatrix& matrix : section.matrices) {
        size_t& bytes = packed_bytes_[static_cast<size_t>(matrix.weight)];
        bytes = std::max(bytes, matrix.bytes);
      }
    }
    return true;
  }

  /// A weight of matrices that an operator multiplies by.
  Status take(const Operator& op, size_t weight) {
    const Tensor& tensor = graph_.tensors[weight];
    const int length = static_cast<int>(op.name.size());
    if (tensor.data == nullptr && packed_bytes_[weight] < tensor.data_bytes) {
      return Status::error(LINNET_INVALID_MODEL,
                           "%.*s: its matrix has %zu bytes, but neither it nor a packed one of so "
                           "many is in the file",
                           length, op.name.data(), tensor.data_bytes);
    }
    if (tensor.data_bytes > bytes_left_) {
      return Status::error(LINNET_INVALID_MODEL,
                           "%.*s: its matrix and those before have more bytes than the file's %zu "
                           "justify",
                           length, op.name.data(), file_bytes_);
    }
    bytes_left_ -= tensor.data_bytes;
    return Status::ok();
  }

 private:
  const Graph& graph_;
  size_t file_bytes_;
  uint64_t bytes_left_;
  Array<size_t> packed_bytes_;  // by tensor
};

}  // namespace

Status check_packing(const Graph& graph, std::span<const StoredSection> sections,
                     size_t file_bytes) {
  PackingCheck check(graph, file_bytes);
  if (!check.find_packed(sections)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the sizes of packed matrices");
  }
  for (const Operator& op : graph.operators) {
    if (MatrixPlace::count(op) == 0) continue;
    // A mixture's matrices lie in two weights, of which each has one for every expert.
    const bool is_mixture = std::holds_alternative<MixtureOfExpertsAttributes>(op.attributes);
    for (size_t i = 0; i < (is_mixture ? 2 : 1); ++i) {
      const Status status = check.take(op, static_cast<size_t>(MatrixPlace::of(op, i).weight));
      if (status.failed()) return status;
    }
  }
  return Status::ok();
}

}  // namespace linnet
