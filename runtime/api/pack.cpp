#include <linnet/pack.h>

#include "runtime/api/arguments.h"
#include "runtime/api/handles.h"
#include "runtime/base/selection.h"
#include "runtime/kernels/int8_matrix.h"
#include "runtime/kernels/processor.h"
#include "runtime/model/matrix_packer.h"
#include "runtime/model/packed_layout.h"
#include "runtime/model/packed_matrix.h"
#include "runtime/model/xnn_memory.h"

namespace linnet {
namespace {

constexpr size_t packed_alignment = 64;

Status check_sizes(const linnet_matrix& matrix) {
  const bool is_int4 = matrix.type == LINNET_MATRIX_INT4;
  const bool has_scales = is_int4 || matrix.type == LINNET_MATRIX_INT8;
  if (!has_scales && matrix.type != LINNET_MATRIX_F32 && matrix.type != LINNET_MATRIX_F16) {
    return Status::error(LINNET_INVALID_ARGUMENT, "type %d is not one that is packed",
                         static_cast<int>(matrix.type));
  }
  const auto type = static_cast<DataType>(matrix.type);
  if (!has_weights(type)) return left_out("weights of", weights_name(type));
  if (matrix.outputs == 0 || matrix.inputs == 0 ||
      matrix.outputs > SIZE_MAX / sizeof(double) / matrix.inputs) {
    return Status::error(LINNET_INVALID_ARGUMENT, "a matrix cannot have the sizes [%zu, %zu]",
                         matrix.outputs, matrix.inputs);
  }
  if (is_int4 && matrix.inputs % 2 != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "int4 rows have an even number of values");
  }
  if (matrix.block == 0) return Status::ok();
  if (!has_scales)
    return Status::error(LINNET_INVALID_ARGUMENT, "only int8 and int4 rows have blocks");
  if (is_int4 && (matrix.block % 32 != 0 || matrix.inputs % matrix.block != 0)) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "int4 blocks are 32, 64, ... values and divide a row; found %zu of %zu",
                         matrix.block, matrix.inputs);
  }
  if (!is_int4 && matrix.block % kernels::int8_run != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "int8 blocks are 256, 512, ... values; found %zu",
                         matrix.block);
  }
  return Status::ok();
}

LinearWeights weights_of(const linnet_matrix& matrix) {
  LinearWeights weights;
  weights.type = static_cast<DataType>(matrix.type);
  weights.block = matrix.block;
  weights.inputs = matrix.inputs;
  weights.outputs = matrix.outputs;
  weights.matrix = matrix.values;
  weights.scales = matrix.scales;
  weights.bias = matrix.bias;
  return weights;
}

/// Calls `use` with what packs for a target.
template <typename Use>
Status with_packer(const char* target, const Use& use) {
  if (target == nullptr) {
    const Status status = initialize_xnnpack();
    return status.failed() ? status : use(NativePacker());
  }
  const PackTarget* found = find_pack_target(target);
  if (found == nullptr)
    return Status::error(LINNET_INVALID_ARGUMENT, "'%s' is no target to pack for", target);
  return use(TargetPacker(*found));
}

Status packed_bytes(const linnet_matrix& matrix, const char* target, size_t* bytes) {
  const Status status = check_sizes(matrix);
  if (status.failed()) return status;
  return with_packer(
      target, [&](const MatrixPacker& packer) { return packer.bytes(weights_of(matrix), bytes); });
}

Status pack(const linnet_matrix& matrix, const char* target, void* packed, size_t bytes) {
  size_t wanted = 0;
  const Status status = packed_bytes(matrix, target, &wanted);
  if (status.failed()) return status;
  if (bytes != wanted || reinterpret_cast<uintptr_t>(packed) % packed_alignment != 0) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "packing takes %zu bytes on a %zu-byte boundary; found %zu at %p", wanted,
                         packed_alignment, bytes, packed);
  }
  const bool has_scales = matrix.type == LINNET_MATRIX_INT8 || matrix.type == LINNET_MATRIX_INT4;
  if (matrix.values == nullptr || (has_scales && matrix.scales == nullptr))
    return missing_argument();
  return with_packer(target, [&](const MatrixPacker& packer) {
    return packer.pack(weights_of(matrix), packed, bytes);
  });
}

Status layout(linnet_matrix_type type, size_t block, const char* target, uint64_t* out) {
  const linnet_matrix sizes = {.type = type,
                               .outputs = 1,
                               .inputs = block == 0 ? 2 : block,
                               .block = block,
                               .values = nullptr,
                               .scales = nullptr,
                               .bias = nullptr};
  const Status status = check_sizes(sizes);
  if (status.failed()) return status;
  return with_packer(target, [&](const MatrixPacker& packer) {
    return packed_layout(packer, static_cast<DataType>(type), block, out);
  });
}

}  // namespace
}  // namespace linnet

extern "C" {

const char* linnet_pack_target(size_t index) {
  const std::span<const linnet::PackTarget> targets = linnet::pack_targets();
  return index < targets.size() ? targets[index].name.data() : nullptr;
}

linnet_status linnet_packed_bytes(const linnet_matrix* matrix, const char* target, size_t* bytes,
                                  linnet_message* why) {
  if (matrix == nullptr || bytes == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::packed_bytes(*matrix, target, bytes), why);
}

linnet_status linnet_pack(const linnet_matrix* matrix, const char* target, void* packed,
                          size_t bytes, linnet_message* why) {
  if (matrix == nullptr || packed == nullptr)
    return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::pack(*matrix, target, packed, bytes), why);
}

linnet_status linnet_packed_layout(linnet_matrix_type type, size_t block, const char* target,
                                   uint64_t* layout, linnet_message* why) {
  if (layout == nullptr) return linnet::report(linnet::missing_argument(), why);
  return linnet::report(linnet::layout(type, block, target, layout), why);
}

const char* linnet_processor(void) { return linnet::kernels::processor(); }

}  // extern "C"
