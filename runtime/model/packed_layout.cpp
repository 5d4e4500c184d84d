#include "runtime/model/packed_layout.h"

#include <span>

#include "runtime/base/array.h"
#include "runtime/model/unit_scales.h"

namespace linnet {
namespace {

// Sizes count rounded up to whole segments of a file: XNNPACK rounds them to less on some
// processors.
constexpr size_t alignment = 64;

size_t rounded_up(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv.
constexpr uint64_t hash_start = 0xcbf29ce484222325U;

uint64_t hash_of(std::span<const std::byte> bytes, uint64_t hash) {
  for (const std::byte byte : bytes) {
    hash ^= static_cast<uint64_t>(byte);
    hash *= 0x100000001b3U;
  }
  return hash;
}

Status no_memory() {
  return Status::error(LINNET_OUT_OF_MEMORY, "no memory to learn the layout of matrices");
}

LinearWeights probe_of(DataType type, size_t block, size_t outputs) {
  LinearWeights probe;
  probe.type = type;
  probe.block = block;
  probe.outputs = outputs;
  probe.inputs = block == 0 ? 72 : 2 * block;
  return probe;
}

/// A small matrix whose values differ, packed; `hash` goes on with what it became.
Status hash_packed(const MatrixPacker& packer, LinearWeights probe, uint64_t* hash) {
  Array<std::byte> values;
  UnitScales scales;
  if (!values.allocate(probe.matrix_bytes()) || !scales.make(probe)) return no_memory();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::byte>(i * 37 % 127);
  probe.matrix = values.data();
  probe.scales = scales.data();
  size_t bytes = 0;
  Status status = packer.bytes(probe, &bytes);
  if (status.failed()) return status;
  Array<std::byte> memory;  // zeros, also behind what is packed
  if (!memory.allocate(rounded_up(bytes) + alignment)) return no_memory();
  const size_t skew = reinterpret_cast<uintptr_t>(memory.data()) % alignment;
  std::byte* packed = memory.data() + (alignment - skew);
  status = packer.pack(probe, packed, bytes);
  if (!status.failed()) *hash = hash_of({packed, rounded_up(bytes)}, *hash);
  return status;
}

Status hash_size(const MatrixPacker& packer, const LinearWeights& probe, uint64_t* hash) {
  size_t bytes = 0;
  const Status status = packer.bytes(probe, &bytes);
  const auto size = static_cast<uint64_t>(rounded_up(bytes));
  if (!status.failed()) *hash = hash_of(std::as_bytes(std::span(&size, 1)), *hash);
  return status;
}

}  // namespace

Status packed_layout(const MatrixPacker& packer, DataType type, size_t block, uint64_t* out) {
  uint64_t hash = hash_start;
  // XNNPACK may lay matrices of few rows out in another way than larger ones.
  for (const size_t outputs : {size_t{1}, size_t{3}, size_t{67}}) {
    const LinearWeights probe = probe_of(type, block, outputs);
    // Behind the last rows of f32 it leaves what it finds in its registers: only the size is known.
    const Status status =
        type == DataType::f32 ? hash_size(packer, probe, &hash) : hash_packed(packer, probe, &hash);
    if (status.failed()) return status;
  }
  if (type == DataType::f32) {
    // Whole panels: two rows are one of the narrowest, and 64 as many as those of any.
    for (const size_t outputs : {size_t{2}, size_t{64}}) {
      const Status status = hash_packed(packer, probe_of(type, block, outputs), &hash);
      if (status.failed()) return status;
    }
  }
  *out = hash;
  return Status::ok();
}

}  // namespace linnet
