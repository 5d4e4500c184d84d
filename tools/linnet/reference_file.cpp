#include "tools/linnet/reference_file.h"

#include <cstring>
#include <span>
#include <stdexcept>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/input_file.h"

namespace linnet::cli {

using convert::StoredTensor;
using convert::StoredType;

ReferenceFile::ReferenceFile(const std::string& path)
    : path_(path), tensors_(convert::open_checkpoint(path)) {}

std::vector<uint64_t> ReferenceFile::shape(const std::string& name) const {
  return tensors_->tensor(name).shape;
}

std::vector<int32_t> ReferenceFile::ids(const std::string& name) {
  const StoredTensor& tensor = tensors_->tensor(name);
  if (tensor.shape.size() != 1) {
    throw std::runtime_error(path_ + ": " + name + " is " + stored_type_name(tensor.type) +
                             tensor.shape_text() + ", wanted token ids, i32 or i64 [n]");
  }
  return integers(name);
}

std::vector<float> ReferenceFile::values(const std::string& name) {
  read_.insert(name);
  return tensors_->read(name);
}

std::vector<int32_t> ReferenceFile::integers(const std::string& name) {
  const StoredTensor& tensor = tensors_->tensor(name);
  const bool wide = tensor.type == StoredType::i64;
  if (!wide && tensor.type != StoredType::i32) {
    throw std::runtime_error(path_ + ": " + name + " is " + stored_type_name(tensor.type) +
                             tensor.shape_text() + ", wanted token ids, i32 or i64 [n]");
  }
  std::vector<int32_t> ids(convert::memory_size(tensor.elements()));
  std::vector<std::byte> bytes(ids.size() * (wide ? 8 : 4));
  convert::InputFile(tensors_->files().at(tensor.file)).read_at(tensor.offset, bytes);
  // Little-endian: the low half of a wide id comes first, and ids fit into it.
  for (size_t i = 0; i < ids.size(); ++i) {
    std::memcpy(&ids[i], bytes.data() + i * (wide ? 8 : 4), sizeof(int32_t));
  }
  read_.insert(name);
  return ids;
}

std::vector<float> ReferenceFile::matrix(const std::string& name, size_t rows, size_t columns) {
  const StoredTensor& tensor = tensors_->tensor(name);
  if (tensor.shape != std::vector<uint64_t>{rows, columns}) {
    throw std::runtime_error(path_ + ": " + name + " is " + tensor.shape_text() + ", wanted [" +
                             std::to_string(rows) + ", " + std::to_string(columns) +
                             "], a row per token and a column per token of the model's " +
                             "vocabulary: is it the reference of another model?");
  }
  read_.insert(name);
  return tensors_->read(name);
}

std::vector<float> ReferenceFile::row(const std::string& name, size_t size) {
  const StoredTensor& tensor = tensors_->tensor(name);
  if (tensor.shape != std::vector<uint64_t>{size}) {
    throw std::runtime_error(path_ + ": " + name + " is " + tensor.shape_text() + ", wanted [" +
                             std::to_string(size) +
                             "], as the model gives: is it the reference of another model?");
  }
  read_.insert(name);
  return tensors_->read(name);
}

std::vector<std::string> ReferenceFile::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_->tensors()) {
    if (read_.count(name) == 0) names.push_back(name);
  }
  return names;
}

}  // namespace linnet::cli
