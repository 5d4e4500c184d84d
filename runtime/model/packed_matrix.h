#pragma once

#include <xnnpack.h>

#include <cstddef>
#include <cstdint>

#include "runtime/base/status.h"
#include "runtime/model/linear_weights.h"

// A matrix in the layout that this machine's XNNPACK kernels read. Which layout that is depends on
// the processor and on XNNPACK's version; packed_layout tells layouts apart.

namespace linnet {

/// Whether XNNPACK multiplies by matrices of this type; f16 ones are read plainly by a kernel of
/// ours.
bool is_packed_type(DataType type);

/// Makes XNNPACK ready; may be called any number of times, from any thread.
Status initialize_xnnpack();

/// Bytes of the packed matrix. Only the sizes in `weights` are looked at.
Status packed_matrix_bytes(const LinearWeights& weights, size_t* out);

/// Packs the matrix, with its scales and bias, into `packed`: packed_matrix_bytes, 64-byte aligned.
Status pack_matrix(const LinearWeights& weights, void* packed, size_t bytes);

/// A hash of what small known matrices of this type and block become when they are packed: two
/// machines that agree in it read each other's packed matrices.
Status packed_layout(DataType type, size_t block, uint64_t* out);

/// An XNNPACK operator over a packed matrix, which `cache` finds: look_up answers with an offset
/// whatever the key says but for its `kernel`, which is the pointer `key`.
Status create_packed_linear(const LinearWeights& weights, const void* key, size_t input_stride,
                            size_t output_stride, xnn_weights_cache_provider* cache,
                            xnn_operator_t* out);

}  // namespace linnet
