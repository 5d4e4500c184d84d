#pragma once

#include <xnnpack.h>

#include <cstddef>
#include <cstdint>

#include "runtime/base/status.h"
#include "runtime/model/linear_weights.h"

// A matrix in the layout that this machine's kernels read: f16 and int8 ones ours
// (runtime/kernels/half_panels.h and int8_matrix.h), which is the same everywhere, f32 and int4
// ones XNNPACK's, which depends on the processor and on XNNPACK's version. packed_layout.h tells
// layouts apart.

namespace linnet {

/// Whether there are kernels for matrices of this type.
bool is_packed_type(DataType type);

/// Bytes of the packed matrix. Only the sizes in `weights` are looked at.
Status packed_matrix_bytes(const LinearWeights& weights, size_t* out);

/// Packs the matrix, with its scales and bias, into `packed`: packed_matrix_bytes, 64-byte aligned.
Status pack_matrix(const LinearWeights& weights, void* packed, size_t bytes);

/// An XNNPACK operator over a packed f32 or int4 matrix, which `cache` finds: look_up answers with
/// an offset whatever the key says but for its `kernel`, which is the pointer `key`. The scales of
/// `weights` need only be positive numbers.
Status create_packed_linear(const LinearWeights& weights, const void* key, size_t input_stride,
                            size_t output_stride, xnn_weights_cache_provider* cache,
                            xnn_operator_t* out);

}  // namespace linnet
