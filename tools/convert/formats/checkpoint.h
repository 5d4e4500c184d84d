#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/convert/formats/input_file.h"

namespace linnet::convert {

/// Element types that checkpoints store. `other` is any type that is listed but cannot be read.
enum class StoredType { f32, f16, bf16, f64, i64, i32, i16, i8, u8, boolean, other };

const char* stored_type_name(StoredType type);

/// Bytes of an element; 0 for `other`.
size_t stored_type_bytes(StoredType type);

/// The most dimensions that a tensor may have.
inline constexpr size_t kMaxDimensions = 64;

/// A tensor of a checkpoint: where its bytes lie, not the bytes.
struct StoredTensor {
  StoredType type = StoredType::f32;
  std::string other_type;  ///< the file's own name for the type, where `type` is `other`
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  ///< in elements; row-major unless the file says otherwise
  size_t file = 0;                ///< index into Checkpoint::files
  uint64_t offset = 0;            ///< in bytes, from the start of that file, of element [0, …, 0]

  uint64_t elements() const;
  std::string shape_text() const;  ///< "[64, 128]"
};

/// Tensors by name, as a reader of one file format finds them.
using StoredTensors = std::map<std::string, StoredTensor>;

/// Product of `shape`, where it and every product of some of its dimensions fit 64 bits; false
/// otherwise. Readers call it before they keep a shape, so that later products need no check.
bool count_elements(const std::vector<uint64_t>& shape, uint64_t* elements);

/// The strides, in elements, of a row-major tensor.
std::vector<uint64_t> row_major_strides(const std::vector<uint64_t>& shape);

/// The named tensors of a checkpoint, in one form for every file format. Opening reads headers
/// only; a tensor's values are read when they are asked for, so that memory stays near one tensor.
/// Every member throws std::runtime_error with a message that names the file and the tensor.
/// Reading changes nothing, so threads may share a checkpoint.
class Checkpoint {
 public:
  /// `inputs` in the order that StoredTensor::file counts.
  Checkpoint(std::vector<InputFile> inputs, StoredTensors tensors);

  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  const StoredTensors& tensors() const { return tensors_; }
  const StoredTensor& tensor(const std::string& name) const;

  /// The weight files, sorted by name.
  const std::vector<std::string>& files() const { return files_; }

  /// Reads rows [first, first + count) of dimension 0 as f32, row-major, into `out`, which has room
  /// for just that. A tensor without dimensions has one row. Floating-point types only.
  void read_rows(const std::string& name, uint64_t first, uint64_t count,
                 std::span<float> out) const;

  /// The whole tensor as f32, row-major.
  std::vector<float> read(const std::string& name) const;

  /// The whole tensor, row-major. Integer and boolean types only.
  std::vector<int64_t> read_integers(const std::string& name) const;

 private:
  template <typename Out>
  void read_as(const std::string& name, uint64_t first, uint64_t count, std::span<Out> out) const;
  [[noreturn]] void fail(const std::string& name, const std::string& why) const;

  std::vector<InputFile> inputs_;
  std::vector<std::string> files_;
  StoredTensors tensors_;
};

/// Opens what `path` names: a .safetensors file, a .pth/.pt/.bin file of torch, the .index.json of
/// a checkpoint in shards, or a folder that has model.safetensors, model.safetensors.index.json
/// with its shards, the same with pytorch_model.bin, model.pth or model.pt, or a single weight
/// file.
std::unique_ptr<Checkpoint> open_checkpoint(const std::string& path);

}  // namespace linnet::convert
