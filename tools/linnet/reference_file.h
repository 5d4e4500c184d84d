#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tools/convert/formats/checkpoint.h"

namespace linnet::cli {

/// Reference inputs and outputs of a model: an expected.safetensors. Remembers which tensors were
/// read, so that a report can name those that nothing looked at.
/// Every member throws std::runtime_error with a message that names the file and the tensor.
class ReferenceFile {
 public:
  explicit ReferenceFile(const std::string& path);

  bool has(const std::string& name) const { return tensors_->contains(name); }

  /// Token ids of a tensor [n] of 32 or 64-bit integers.
  std::vector<int32_t> ids(const std::string& name);

  std::vector<uint64_t> shape(const std::string& name) const;

  /// The same of a tensor of any shape, row-major.
  std::vector<int32_t> integers(const std::string& name);

  /// Values of a floating-point tensor of any shape, row-major.
  std::vector<float> values(const std::string& name);

  /// Values of a floating-point tensor [rows, columns], row-major.
  std::vector<float> matrix(const std::string& name, size_t rows, size_t columns);

  /// Values of a floating-point tensor [size].
  std::vector<float> row(const std::string& name, size_t size);

  /// Tensors not read so far.
  std::vector<std::string> unread() const;

 private:
  std::string path_;
  std::unique_ptr<convert::Checkpoint> tensors_;
  std::set<std::string> read_;
};

}  // namespace linnet::cli
