#pragma once

#include <linnet/linnet.h>
#include <xnnpack.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platforms/platform.h"
#include "runtime/base/array.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/base/status.h"
#include "runtime/model/graph.h"
#include "runtime/model/linear_weights.h"
#include "runtime/model/matrix_place.h"

namespace linnet {

/// A matrix that a file holds packed. Verified to lie within the file, not to have the right size.
struct StoredMatrix {
  int32_t weight = -1;
  int32_t bias = -1;
  const void* data = nullptr;
  size_t bytes = 0;
};

/// Matrices of one type that a file holds packed for one kind of processor.
struct StoredSection {
  DataType type = DataType::f32;
  uint64_t layout = 0;
  std::string_view processor;
  Array<StoredMatrix> matrices;
};

/// Every matrix of a model in the layout of this machine's kernels, shared by all sessions, with
/// XNNPACK's through its weights-cache interface: used in place where the file has a section of
/// that layout, packed once when the model opens where it has none. Afterwards nothing changes any
/// more, so that sessions may open on any thread.
class PackedWeights {
 public:
  PackedWeights() = default;
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  /// Finds or packs every matrix of the graph's operators; the pages of `mapping` (null for
  /// borrowed bytes) that held the plain ones that were packed are given back.
  Status pack(const Graph& graph, std::span<const StoredSection> sections,
              const platform::FileMapping* mapping, const linnet_model_options& options);

  /// A packed matrix of a type that kernels of ours multiply by: f16, int8.
  const std::byte* packed(const MatrixPlace& matrix) const {
    return static_cast<const std::byte*>(entries_[slot_of(matrix)].packed);
  }

  /// An XNNPACK operator over one matrix of an operator's: allocates the operator, packs nothing.
  Status create_operator(const Graph& graph, const MatrixPlace& matrix, size_t input_stride,
                         size_t output_stride, xnn_operator_t* out) const;

  /// Private memory of this process that packed matrices take, in whole pages; those that the file
  /// holds packed are not among it.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    MatrixPlace place;
    void* packed = nullptr;
    Block own;  // empty: lies in the file
  };
  struct Layout {
    DataType type = DataType::f32;
    size_t block = 0;
    uint64_t hash = 0;
  };

  struct PackedSize {
    DataType type = DataType::f32;
    size_t block = 0;
    size_t inputs = 0;
    size_t outputs = 0;
    size_t bytes = 0;
  };

  size_t slot_of(const MatrixPlace& place) const;
  void log_packing(const Log& log, std::span<const StoredSection> sections, size_t count) const;
  Status make_placeholder_scales(const Graph& graph);
  Status add(const Graph& graph, const MatrixPlace& place, std::span<const StoredSection> sections,
             const platform::FileMapping* mapping, Entry* entry);
  Status layout_of(const LinearWeights& weights, uint64_t* out);
  Status bytes_of(const LinearWeights& weights, size_t* out);
  Status find_stored(const LinearWeights& weights, std::span<const StoredSection> sections,
                     const platform::FileMapping* mapping, Entry* entry);
  Status pack_one(const LinearWeights& weights, std::span<const StoredSection> sections,
                  const platform::FileMapping* mapping, Entry* entry);

  static size_t look_up(void* context, const xnn_weights_cache_look_up_key* key);
  static void* offset_to_address(void* context, size_t offset);
  xnn_weights_cache_provider provider() const;

  // XNNPACK takes the provider by a pointer that is not const and keeps it in its operators.
  mutable xnn_weights_cache_provider provider_ = {};
  // A hash table, since mixtures of experts have tens of thousands of matrices. An entry's index is
  // what XNNPACK calls its offset.
  Array<Entry> entries_;
  size_t bytes_ = 0;
  static constexpr size_t most_layouts = 8;
  Layout layouts_[most_layouts];  // those asked for so far
  size_t layout_count_ = 0;
  // The layers of a model have matrices of few sizes.
  static constexpr size_t most_sizes = 16;
  PackedSize sizes_[most_sizes];  // those asked for last
  size_t next_size_ = 0;
  // For XNNPACK, which reads the scales that an operator is made with though it uses those of the
  // packed matrix: as many as the largest one has.
  Array<uint16_t> placeholder_scales_;
};

}  // namespace linnet
