// What xnn_create_fully_connected_nc_f32, _qd8_f32_qc4w and _qd8_f32_qb4w do to weights, with the
// tiles of a target instead of this machine's: create_fully_connected_nc in XNNPACK's
// src/operators/fully-connected-nc.c, with the same packing functions.
#include <xnnpack/microparams-init.h>
#include <xnnpack/pack.h>

#include <cmath>
#include <cstring>

#include "runtime/model/matrix_packer.h"
#include "runtime/model/packed_matrix.h"

namespace linnet {
namespace {

// The zero point of rows is known at run time only: XNNPACK packs what one unit of it amounts to.
constexpr xnn_qs8_qc4w_packing_params int4_zeros = {.input_zero_point = 1, .kernel_zero_point = 8};

constexpr size_t one_sort = 1;  // XNNPACK's groups, and its strides between subtiles

size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool is_ours(DataType type) { return type == DataType::f16 || type == DataType::int8; }

const PackTile& tile_of(const PackTarget& target, const LinearWeights& weights) {
  if (weights.type == DataType::int4) return target.int4;
  return weights.outputs < target.f32.rows ? target.narrow_f32 : target.f32;
}

/// Bytes of a row's values.
size_t value_bytes(const PackTile& tile, const LinearWeights& weights) {
  if (weights.type == DataType::f32) return round_up(weights.inputs, tile.columns) * sizeof(float);
  // Two values per byte, `columns` apart.
  return round_up(weights.inputs, 2 * tile.columns) / 2;
}

/// Bytes of a row with all that belongs to it.
size_t row_bytes(const PackTile& tile, const LinearWeights& weights) {
  const size_t values = value_bytes(tile, weights);
  const size_t bias = sizeof(float);
  if (weights.type == DataType::f32) return values + bias;
  const size_t sum = sizeof(float);  // of the values, for zero points
  const size_t scales =
      weights.block == 0 ? sizeof(float) : weights.inputs / weights.block * sizeof(uint16_t);
  return sum + values + scales + bias;
}

/// One number per row, `at` bytes behind the start of a panel.
void put_numbers(const float* numbers, const PackTile& tile, size_t panel_bytes, size_t outputs,
                 std::byte* packed, size_t at) {
  xnn_init_qs8_qc8w_scale_fp32_params(outputs, tile.rows, tile.rows, panel_bytes, panel_bytes,
                                      /*stride_offset=*/0, numbers, packed + at);
}

void pack_f32(const LinearWeights& weights, const PackTile& tile, std::byte* packed) {
  xnn_pack_f32_gemm_goi_w(one_sort, weights.outputs, weights.inputs, tile.rows, tile.columns,
                          one_sort, static_cast<const float*>(weights.matrix), weights.bias,
                          /*scale=*/nullptr, reinterpret_cast<float*>(packed), /*extra_bytes=*/0,
                          /*params=*/nullptr);
}

void pack_int4_rows(const LinearWeights& weights, const PackTile& tile, bool is_unsigned,
                    std::byte* packed) {
  const auto pack = is_unsigned ? xnn_pack_qs8_qc4uw_gemm_goi_w : xnn_pack_qs8_qc4w_gemm_goi_w;
  const size_t scale_and_bias = 2 * tile.rows * sizeof(float);
  pack(one_sort, weights.outputs, weights.inputs, tile.rows, tile.columns, one_sort,
       static_cast<const uint8_t*>(weights.matrix), /*bias=*/nullptr, /*scale=*/nullptr, packed,
       scale_and_bias, &int4_zeros);
  const size_t panel_bytes = tile.rows * row_bytes(tile, weights);
  const size_t bias_at = panel_bytes - tile.rows * sizeof(float);
  const size_t scales_at = panel_bytes - scale_and_bias;
  put_numbers(static_cast<const float*>(weights.scales), tile, panel_bytes, weights.outputs, packed,
              scales_at);
  if (weights.bias != nullptr)
    put_numbers(weights.bias, tile, panel_bytes, weights.outputs, packed, bias_at);
}

void pack_int4_blocks(const LinearWeights& weights, const PackTile& tile, std::byte* packed) {
  const auto* scales = static_cast<const xnn_bfloat16*>(weights.scales);
  const size_t panel_bytes = tile.rows * row_bytes(tile, weights);
  const size_t bias_bytes = tile.rows * sizeof(float);
  const size_t scale_bytes = tile.rows * sizeof(uint16_t);
  const size_t block_bytes = tile.rows * weights.block / 2;
  xnn_pack_qs8_qb4w_gemm_goi_w(one_sort, weights.outputs, weights.inputs, tile.rows, tile.columns,
                               one_sort, weights.block, static_cast<const uint8_t*>(weights.matrix),
                               /*bias=*/nullptr, scales, packed, scale_bytes, bias_bytes,
                               &int4_zeros);
  const size_t sums = tile.rows * sizeof(float);
  xnn_init_blockwise_scale_bf16_params(weights.outputs, tile.rows, tile.rows, panel_bytes,
                                       panel_bytes, weights.inputs / weights.block,
                                       block_bytes + scale_bytes, /*stride_offset=*/0, scales,
                                       packed + sums + block_bytes);
  if (weights.bias != nullptr)
    put_numbers(weights.bias, tile, panel_bytes, weights.outputs, packed, panel_bytes - bias_bytes);
}

/// As XNNPACK checks them when it makes an operator.
Status check_block_scales(const LinearWeights& weights) {
  const auto* scales = static_cast<const uint16_t*>(weights.scales);
  for (size_t i = 0; i < weights.scale_count(); ++i) {
    const uint32_t bits = static_cast<uint32_t>(scales[i]) << 16;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    if (!std::isnormal(scale) || scale <= 0)
      return Status::error(LINNET_INVALID_MODEL, "scale %zu of its [%zu, %zu] matrix is %g", i,
                           weights.outputs, weights.inputs, static_cast<double>(scale));
  }
  return Status::ok();
}

}  // namespace

Status TargetPacker::bytes(const LinearWeights& weights, size_t* out) const {
  if (is_ours(weights.type)) return packed_matrix_bytes(weights, out);
  const PackTile& tile = tile_of(target_, weights);
  // XNNPACK rounds up to the alignment of its allocations, which is this or less.
  constexpr size_t alignment = 64;
  *out = round_up(round_up(weights.outputs, tile.rows) * row_bytes(tile, weights), alignment);
  return Status::ok();
}

Status TargetPacker::pack(const LinearWeights& weights, void* packed, size_t bytes) const {
  if (is_ours(weights.type)) return pack_matrix(weights, packed, bytes);
  auto* to = static_cast<std::byte*>(packed);
  std::memset(to, 0, bytes);
  const PackTile& tile = tile_of(target_, weights);
  if (weights.type == DataType::f32) {
    pack_f32(weights, tile, to);
  } else if (weights.block == 0) {
    pack_int4_rows(weights, tile, target_.unsigned_int4_rows, to);
  } else {
    const Status status = check_block_scales(weights);
    if (status.failed()) return status;
    pack_int4_blocks(weights, tile, to);
  }
  return Status::ok();
}

}  // namespace linnet
