#include "tools/convert/formats/checkpoint.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/checked_math.h"
#include "tools/convert/formats/strided_read.h"

namespace linnet::convert {

const char* stored_type_name(StoredType type) {
  switch (type) {
    case StoredType::f32:
      return "f32";
    case StoredType::f16:
      return "f16";
    case StoredType::bf16:
      return "bf16";
    case StoredType::f64:
      return "f64";
    case StoredType::i64:
      return "i64";
    case StoredType::i32:
      return "i32";
    case StoredType::i16:
      return "i16";
    case StoredType::i8:
      return "i8";
    case StoredType::u8:
      return "u8";
    case StoredType::boolean:
      return "bool";
    case StoredType::other:
      return "other";
  }
  return "unknown";
}

size_t stored_type_bytes(StoredType type) {
  switch (type) {
    case StoredType::f64:
    case StoredType::i64:
      return 8;
    case StoredType::f32:
    case StoredType::i32:
      return 4;
    case StoredType::f16:
    case StoredType::bf16:
    case StoredType::i16:
      return 2;
    case StoredType::i8:
    case StoredType::u8:
    case StoredType::boolean:
      return 1;
    case StoredType::other:
      return 0;
  }
  return 0;
}

bool count_elements(const std::vector<uint64_t>& shape, uint64_t* elements) {
  uint64_t without_zeros = 1;
  bool empty = false;
  for (uint64_t size : shape) {
    empty = empty || size == 0;
    if (!checked_multiply(&without_zeros, std::max<uint64_t>(size, 1))) return false;
  }
  *elements = empty ? 0 : without_zeros;
  return true;
}

std::vector<uint64_t> row_major_strides(const std::vector<uint64_t>& shape) {
  std::vector<uint64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * std::max<uint64_t>(shape[i], 1);
  }
  return strides;
}

uint64_t StoredTensor::elements() const {
  uint64_t product = 1;
  for (uint64_t size : shape) product *= size;
  return product;
}

std::string StoredTensor::shape_text() const {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Checkpoint::Checkpoint(std::vector<InputFile> inputs, StoredTensors tensors)
    : inputs_(std::move(inputs)), tensors_(std::move(tensors)) {
  for (const InputFile& input : inputs_) files_.push_back(input.path());
}

const StoredTensor& Checkpoint::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  const std::string where = files_.empty() ? "checkpoint" : files_.front();
  const std::string rest =
      files_.size() > 1 ? " and its " + std::to_string(files_.size() - 1) + " other shards" : "";
  throw std::runtime_error(where + rest + ": has no tensor '" + name + "'");
}

void Checkpoint::fail(const std::string& name, const std::string& why) const {
  fail_file(files_[tensors_.at(name).file], "tensor '" + name + "': " + why);
}

template <typename Out>
void Checkpoint::read_as(const std::string& name, uint64_t first, uint64_t count,
                         std::span<Out> out) const {
  const StoredTensor& stored = tensor(name);
  if (!reads_as<Out>(stored.type)) {
    constexpr bool wants_float = std::is_floating_point_v<Out>;
    fail(name, std::string("expected ") + (wants_float ? "a floating-point" : "an integer") +
                   " type that this version reads, found " +
                   (stored.type == StoredType::other ? stored.other_type
                                                     : stored_type_name(stored.type)));
  }
  const uint64_t rows = stored.shape.empty() ? 1 : stored.shape[0];
  if (!range_fits(first, count, rows)) {
    fail(name, "rows [" + std::to_string(first) + ", +" + std::to_string(count) +
                   ") asked for, but the shape is " + stored.shape_text());
  }
  const uint64_t element_bytes = stored_type_bytes(stored.type);
  std::vector<Axis> axes;
  uint64_t elements = 1;
  for (size_t i = stored.shape.size(); i-- > 0;) {
    const uint64_t size = i == 0 ? count : stored.shape[i];
    axes.push_back({size, stored.strides[i] * element_bytes, elements});
    elements *= size;
  }
  if (elements != out.size()) {
    fail(name, "room for " + std::to_string(elements) + " values expected, found " +
                   std::to_string(out.size()));
  }
  if (elements == 0) return;
  const uint64_t start = stored.shape.empty() ? 0 : first * stored.strides[0] * element_bytes;
  read_strided(inputs_[stored.file], stored.type, stored.offset + start, std::move(axes),
               out.data());
}

void Checkpoint::read_rows(const std::string& name, uint64_t first, uint64_t count,
                           std::span<float> out) const {
  read_as(name, first, count, out);
}

std::vector<float> Checkpoint::read(const std::string& name) const {
  const StoredTensor& stored = tensor(name);
  std::vector<float> values(reads_as<float>(stored.type) ? memory_size(stored.elements()) : 0);
  read_as<float>(name, 0, stored.shape.empty() ? 1 : stored.shape[0], values);
  return values;
}

std::vector<int64_t> Checkpoint::read_integers(const std::string& name) const {
  const StoredTensor& stored = tensor(name);
  std::vector<int64_t> values(reads_as<int64_t>(stored.type) ? memory_size(stored.elements()) : 0);
  read_as<int64_t>(name, 0, stored.shape.empty() ? 1 : stored.shape[0], values);
  return values;
}

}  // namespace linnet::convert
