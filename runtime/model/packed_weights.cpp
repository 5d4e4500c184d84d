#include "runtime/model/packed_weights.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/kernels/processor.h"
#include "runtime/model/operator_name.h"
#include "runtime/model/packed_layout.h"
#include "runtime/model/packed_matrix.h"
#include "runtime/model/xnn_memory.h"

namespace linnet {
namespace {

size_t on_boundary(size_t bytes) {
  constexpr size_t alignment = 64;  // of segments
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Whom the file has matrices of a type packed for, for a message.
class ProcessorNames {
 public:
  ProcessorNames(std::span<const StoredSection> sections, DataType type) {
    for (const StoredSection& section : sections) {
      if (section.type == type) add(section.processor);
    }
    if (text_[0] == 0) add("no processor");
  }

  const char* text() const { return text_; }

 private:
  void add(std::string_view name) {
    const size_t length = std::strlen(text_);
    std::snprintf(text_ + length, sizeof text_ - length, "%s%.*s", length == 0 ? "" : ", ",
                  static_cast<int>(name.size()), name.data());
  }

  char text_[160] = {};
};

}  // namespace

Status PackedWeights::pack(const Graph& graph, std::span<const StoredSection> sections,
                           const platform::FileMapping* mapping,
                           const linnet_model_options& options) {
  const Log log(options);
  Status status = initialize_xnnpack();
  if (status.failed()) return status;
  provider_ = provider();
  status = make_placeholder_scales(graph);
  if (status.failed()) return status;
  size_t matrices = 0;
  for (const Operator& op : graph.operators) matrices += MatrixPlace::count(op);
  if (!entries_.allocate(2 * matrices)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the list of %zu matrices", matrices);
  }
  size_t done = 0;
  size_t packed_here = 0;
  for (const Operator& op : graph.operators) {
    for (size_t i = 0; i < MatrixPlace::count(op); ++i) {
      const MatrixPlace place = MatrixPlace::of(op, i);
      ++done;
      const DataType type = graph.tensors[static_cast<size_t>(place.weight)].type;
      Entry& entry = entries_[slot_of(place)];
      if (!is_packed_type(type) || entry.packed != nullptr) continue;
      status = add(graph, place, sections, mapping, &entry);
      if (status.failed()) return name_operator(status, op);
      if (entry.own.size() == 0) continue;
      ++packed_here;
      if (options.progress == nullptr) continue;
      if (!options.progress(static_cast<float>(done) / static_cast<float>(matrices),
                            options.progress_context)) {
        return Status::error(LINNET_CANCELLED, "cancelled while packing matrices");
      }
    }
  }
  log_packing(log, sections, packed_here);
  return Status::ok();
}

void PackedWeights::log_packing(const Log& log, std::span<const StoredSection> sections,
                                size_t count) const {
  if (count == 0) return;
  const double mebibytes = static_cast<double>(bytes_) / (1 << 20);
  if (sections.empty()) {
    log.info(
        "packed %zu matrices for this processor, %.1f MiB of this process's own: the file "
        "has none packed",
        count, mebibytes);
  } else {
    const std::string_view processor = sections.front().processor;
    log.warning(
        "packed %zu matrices for this processor, %.1f MiB of this process's own: the file "
        "has them packed for another, such as %.*s",
        count, mebibytes, static_cast<int>(processor.size()), processor.data());
  }
}

Status PackedWeights::make_placeholder_scales(const Graph& graph) {
  size_t bytes = 0;
  for (const Operator& op : graph.operators) {
    for (size_t i = 0; i < MatrixPlace::count(op); ++i) {
      const LinearWeights weights = MatrixPlace::of(op, i).weights(graph);
      if (weights.type == DataType::int4)
        bytes = std::max(bytes, weights.scale_count() * weights.scale_bytes());
    }
  }
  if (!placeholder_scales_.allocate(bytes / sizeof(uint16_t)))
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for scales");
  constexpr uint16_t one = 0x3f80;  // as bf16; two of them are 1.002 as f32
  std::fill(placeholder_scales_.begin(), placeholder_scales_.end(), one);
  return Status::ok();
}

Status PackedWeights::bytes_of(const LinearWeights& weights, size_t* out) {
  for (const PackedSize& known : sizes_) {
    if (known.type != weights.type || known.block != weights.block ||
        known.inputs != weights.inputs || known.outputs != weights.outputs) {
      continue;
    }
    *out = known.bytes;
    return Status::ok();
  }
  const Status status = packed_matrix_bytes(weights, out);
  if (!status.failed()) {
    sizes_[next_size_] = {weights.type, weights.block, weights.inputs, weights.outputs, *out};
    next_size_ = (next_size_ + 1) % most_sizes;
  }
  return status;
}

Status PackedWeights::add(const Graph& graph, const MatrixPlace& place,
                          std::span<const StoredSection> sections,
                          const platform::FileMapping* mapping, Entry* entry) {
  entry->place = place;
  const LinearWeights weights = place.weights(graph);
  const Status status = find_stored(weights, sections, mapping, entry);
  if (status.failed() || entry->packed != nullptr) return status;
  return pack_one(weights, sections, mapping, entry);
}

/// The index of the matrix's entry, or of the free one where it belongs.
size_t PackedWeights::slot_of(const MatrixPlace& place) const {
  constexpr size_t odd = 2654435761U;  // spreads neighbours (Knuth's multiplicative hashing)
  size_t slot = (static_cast<size_t>(place.weight) * odd + place.part) % entries_.size();
  while (entries_[slot].place.weight != -1 && entries_[slot].place != place)
    slot = (slot + 1) % entries_.size();
  return slot;
}

Status PackedWeights::layout_of(const LinearWeights& weights, uint64_t* out) {
  for (size_t i = 0; i < layout_count_; ++i) {
    if (layouts_[i].type != weights.type || layouts_[i].block != weights.block) continue;
    *out = layouts_[i].hash;
    return Status::ok();
  }
  const Status status = packed_layout(NativePacker(), weights.type, weights.block, out);
  if (!status.failed() && layout_count_ < most_layouts) {
    layouts_[layout_count_++] = {weights.type, weights.block, *out};
  }
  return status;
}

/// Leaves the entry empty where the file has no section for this machine. The matrices of a stack
/// lie there one behind another, each on a boundary.
Status PackedWeights::find_stored(const LinearWeights& weights,
                                  std::span<const StoredSection> sections,
                                  const platform::FileMapping* mapping, Entry* entry) {
  for (const StoredSection& section : sections) {
    if (section.type != weights.type) continue;
    uint64_t layout = 0;
    Status status = layout_of(weights, &layout);
    if (status.failed()) return status;
    if (section.layout != layout) continue;
    for (const StoredMatrix& stored : section.matrices) {
      if (stored.weight != entry->place.weight || stored.bias != entry->place.bias) continue;
      size_t bytes = 0;
      status = bytes_of(weights, &bytes);
      if (status.failed()) return status;
      const size_t step = on_boundary(bytes);
      const size_t whole = step * (entry->place.parts - 1) + bytes;
      // How much of the last segment counts as packed differs between processors.
      if (on_boundary(stored.bytes) != on_boundary(whole)) {
        return Status::error(LINNET_INVALID_MODEL,
                             "its packed matrix has %zu bytes where %zu belong", stored.bytes,
                             whole);
      }
      entry->packed = const_cast<std::byte*>(static_cast<const std::byte*>(stored.data)) +
                      entry->place.part * step;
      if (mapping != nullptr) mapping->expect(entry->packed, bytes);
      return Status::ok();
    }
  }
  return Status::ok();
}

Status PackedWeights::pack_one(const LinearWeights& weights,
                               std::span<const StoredSection> sections,
                               const platform::FileMapping* mapping, Entry* entry) {
  if (weights.matrix == nullptr) {
    return Status::error(
        LINNET_UNSUPPORTED,
        "its matrix is packed for %s only, whose layout this machine (%s) does not "
        "read: pack the model for it, too, or with --keep-plain",
        ProcessorNames(sections, weights.type).text(), kernels::processor());
  }
  size_t bytes = 0;
  Status status = bytes_of(weights, &bytes);
  if (status.failed()) return status;
  if (!entry->own.allocate(bytes)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to pack a [%zu, %zu] matrix",
                         weights.outputs, weights.inputs);
  }
  entry->packed = entry->own.data();
  bytes_ += entry->own.size();
  status = pack_matrix(weights, entry->packed, bytes);
  if (!status.failed() && mapping != nullptr)
    mapping->give_back(weights.matrix, weights.matrix_bytes());
  return status;
}

Status PackedWeights::create_operator(const Graph& graph, const MatrixPlace& matrix,
                                      size_t input_stride, size_t output_stride,
                                      xnn_operator_t* out) const {
  const Entry* entry = &entries_[slot_of(matrix)];
  if (entry->packed == nullptr)
    return Status::error(LINNET_INTERNAL, "its matrix was never packed");
  LinearWeights weights = matrix.weights(graph);
  weights.scales = placeholder_scales_.data();
  return create_packed_linear(weights, entry, input_stride, output_stride, &provider_, out);
}

// XNNPACK only ever looks up: its `kernel` is the entry itself.
size_t PackedWeights::look_up(void* context, const xnn_weights_cache_look_up_key* key) {
  const auto* self = static_cast<const PackedWeights*>(context);
  return static_cast<size_t>(static_cast<const Entry*>(key->kernel) - self->entries_.data());
}

void* PackedWeights::offset_to_address(void* context, size_t offset) {
  return static_cast<const PackedWeights*>(context)->entries_[offset].packed;
}

xnn_weights_cache_provider PackedWeights::provider() const {
  return {.context = const_cast<PackedWeights*>(this),
          .look_up = look_up,
          .reserve_space = [](void*, size_t) -> void* { return nullptr; },
          .look_up_or_insert = [](void*, const xnn_weights_cache_look_up_key*, void*,
                                  size_t) -> size_t { return SIZE_MAX; },
          .is_finalized = [](void*) { return true; },
          .offset_to_addr = offset_to_address,
          .delete_cache = [](void*) { return xnn_status_success; }};
}

}  // namespace linnet
