#pragma once

#include <linnet/linnet.h>
#include <xnnpack.h>

#include <cstddef>
#include <cstdint>

#include "platforms/platform.h"
#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

/// One matrix of a Linear operator as XNNPACK is told of it.
struct LinearWeights {
  DataType type = DataType::f32;  ///< f32 or int8
  size_t inputs = 0;
  size_t outputs = 0;
  const void* matrix = nullptr;   ///< [outputs, inputs], row-major
  const float* scales = nullptr;  ///< int8: [outputs]
  const float* bias = nullptr;    ///< [outputs] or null

  static LinearWeights of(const Graph& graph, const Operator& linear);

  friend bool operator==(const LinearWeights&, const LinearWeights&) = default;
};

/// Every matrix of a model in the layout of this machine's XNNPACK kernels, packed once when the
/// model opens and shared by all sessions, through XNNPACK's weights-cache interface. After
/// packing nothing changes any more, so that sessions may open on any thread.
class PackedWeights {
 public:
  PackedWeights() = default;
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;
  ~PackedWeights();

  /// Packs the matrix of every Linear operator; the pages of `mapping` (null for borrowed bytes)
  /// that held the plain ones are given back.
  Status pack(const Graph& graph, const platform::FileMapping* mapping,
              const linnet_model_options& options);

  /// An XNNPACK operator over weights that are packed here: allocates the operator, packs nothing.
  Status create_operator(const LinearWeights& weights, size_t input_stride, size_t output_stride,
                         xnn_operator_t* out) const;

  /// Private memory of this process that the packed matrices take, in whole pages.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    LinearWeights weights;
    uint32_t seed = 0;
    const void* key_bias = nullptr;  // as XNNPACK says it: null for int8
    void* packed = nullptr;
    size_t bytes = 0;
  };

  Status pack_one(const LinearWeights& weights);

  static size_t look_up(void* context, const xnn_weights_cache_look_up_key* key);
  static void* reserve_space(void* context, size_t bytes);
  static size_t insert(void* context, const xnn_weights_cache_look_up_key* key, void* packed,
                       size_t bytes);
  static bool is_finalized(void* context);
  static void* offset_to_address(void* context, size_t offset);
  static xnn_status forget(void* context);

  xnn_weights_cache_provider provider() const;

  // XNNPACK takes the provider by a pointer that is not const and keeps it in its operators.
  mutable xnn_weights_cache_provider provider_ = {};
  Array<Entry> entries_;  // an entry's index is what XNNPACK calls its offset
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool packed_ = false;
};

}  // namespace linnet
