#include "runtime/model/packed_matrix.h"

#include <cmath>

#include "runtime/base/selection.h"
#include "runtime/kernels/half_panels.h"
#include "runtime/kernels/int8_matrix.h"
#include "runtime/model/unit_scales.h"

namespace linnet {
namespace {

constexpr uint8_t nibble_zero = 8;

xnn_status create_linear(const LinearWeights& weights, size_t input_stride, size_t output_stride,
                         xnn_weights_cache_provider* cache, xnn_operator_t* out) {
  if (has_weights_of<DataType::int4> && weights.type == DataType::int4) {
    if (weights.block == 0) {
      return xnn_create_fully_connected_nc_qd8_f32_qc4w(
          weights.inputs, weights.outputs, input_stride, output_stride, nibble_zero,
          static_cast<const float*>(weights.scales), weights.matrix, weights.bias, -INFINITY,
          INFINITY, /*flags=*/0, /*code_cache=*/nullptr, cache, out);
    }
    return xnn_create_fully_connected_nc_qd8_f32_qb4w(
        weights.inputs, weights.outputs, input_stride, output_stride, weights.block, nibble_zero,
        static_cast<const uint16_t*>(weights.scales), weights.matrix, weights.bias, -INFINITY,
        INFINITY, /*flags=*/0, /*code_cache=*/nullptr, cache, out);
  }
  if (has_weights_of<DataType::f32> && weights.type == DataType::f32) {
    return xnn_create_fully_connected_nc_f32(
        weights.inputs, weights.outputs, input_stride, output_stride,
        static_cast<const float*>(weights.matrix), weights.bias, -INFINITY, INFINITY,
        /*flags=*/0, /*code_cache=*/nullptr, cache, out);
  }
  return xnn_status_unsupported_parameter;
}

Status explain(xnn_status status, const LinearWeights& weights) {
  switch (status) {
    case xnn_status_success:
      return Status::ok();
    case xnn_status_out_of_memory:
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory to pack a [%zu, %zu] matrix",
                           weights.outputs, weights.inputs);
    case xnn_status_invalid_parameter:
      return Status::error(LINNET_INVALID_MODEL,
                           "XNNPACK refuses the sizes or scales of its [%zu, %zu] matrix",
                           weights.outputs, weights.inputs);
    case xnn_status_unsupported_hardware:
      return Status::error(LINNET_UNSUPPORTED,
                           "XNNPACK has no kernel for this type on this processor");
    default:
      return Status::error(LINNET_INTERNAL, "XNNPACK refused a [%zu, %zu] matrix with status %d",
                           weights.outputs, weights.inputs, static_cast<int>(status));
  }
}

/// A weights cache that holds nothing and hands one block of memory to whoever wants to pack.
class PackingTarget {
 public:
  PackingTarget(void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}
  PackingTarget(const PackingTarget&) = delete;
  PackingTarget& operator=(const PackingTarget&) = delete;

  xnn_weights_cache_provider* provider() { return &provider_; }
  size_t wanted() const { return wanted_; }

 private:
  static PackingTarget& self(void* context) { return *static_cast<PackingTarget*>(context); }

  static size_t look_up(void*, const xnn_weights_cache_look_up_key*) { return SIZE_MAX; }
  static void* reserve_space(void* context, size_t bytes) {
    self(context).wanted_ = bytes;
    return bytes == self(context).bytes_ ? self(context).memory_ : nullptr;
  }
  static size_t insert(void*, const xnn_weights_cache_look_up_key*, void*, size_t) { return 0; }
  static bool is_finalized(void*) { return false; }
  static void* offset_to_address(void* context, size_t) { return self(context).memory_; }
  static xnn_status forget(void*) { return xnn_status_success; }

  void* memory_;
  size_t bytes_;
  size_t wanted_ = 0;
  xnn_weights_cache_provider provider_ = {.context = this,
                                          .look_up = look_up,
                                          .reserve_space = reserve_space,
                                          .look_up_or_insert = insert,
                                          .is_finalized = is_finalized,
                                          .offset_to_addr = offset_to_address,
                                          .delete_cache = forget};
};

}  // namespace

bool is_packed_type(DataType type) { return has_weights(type) && type != DataType::bf16; }

Status packed_matrix_bytes(const LinearWeights& weights, size_t* out) {
  if (has_weights_of<DataType::int8> && weights.type == DataType::int8) {
    const kernels::Int8Matrix sizes = {.inputs = weights.inputs, .outputs = weights.outputs};
    *out = sizes.panel_count() * kernels::int8_panel_bytes(weights.inputs);
    return Status::ok();
  }
  if (has_weights_of<DataType::f16> && weights.type == DataType::f16) {
    const kernels::HalfPanels sizes = {.inputs = weights.inputs, .outputs = weights.outputs};
    *out = sizes.panel_count() * kernels::half_panel_bytes(weights.inputs);
    return Status::ok();
  }
  UnitScales scales;
  if (!scales.make(weights)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the scales of a matrix");
  }
  LinearWeights sizes = weights;
  sizes.matrix = &sizes;  // never read: there is no memory to pack it into
  sizes.bias = nullptr;
  sizes.scales = scales.data();
  PackingTarget target(/*memory=*/nullptr, /*bytes=*/0);
  xnn_operator_t none = nullptr;
  const xnn_status status =
      create_linear(sizes, sizes.inputs, sizes.outputs, target.provider(), &none);
  if (target.wanted() == 0) return explain(status, weights);
  *out = target.wanted();
  return Status::ok();
}

Status pack_matrix(const LinearWeights& weights, void* packed, size_t bytes) {
  if (has_weights_of<DataType::int8> && weights.type == DataType::int8) {
    kernels::pack_int8(static_cast<const int8_t*>(weights.matrix),
                       static_cast<const float*>(weights.scales),
                       weights.block == 0 ? weights.inputs : weights.block, weights.bias,
                       weights.inputs, weights.outputs, static_cast<std::byte*>(packed));
    return Status::ok();
  }
  if (has_weights_of<DataType::f16> && weights.type == DataType::f16) {
    kernels::pack_half(static_cast<const uint16_t*>(weights.matrix), weights.bias, weights.inputs,
                       weights.outputs, static_cast<std::byte*>(packed));
    return Status::ok();
  }
  PackingTarget target(packed, bytes);
  xnn_operator_t made = nullptr;
  const xnn_status status =
      create_linear(weights, weights.inputs, weights.outputs, target.provider(), &made);
  if (status != xnn_status_success) return explain(status, weights);
  xnn_delete_operator(made);
  return Status::ok();
}

Status create_packed_linear(const LinearWeights& weights, const void* key, size_t input_stride,
                            size_t output_stride, xnn_weights_cache_provider* cache,
                            xnn_operator_t* out) {
  LinearWeights found = weights;
  found.matrix = key;
  found.bias = nullptr;
  return explain(create_linear(found, input_stride, output_stride, cache, out), weights);
}

}  // namespace linnet
