#include "tools/linnet/model_file.h"

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/input_file.h"

namespace linnet::cli {
namespace {

constexpr size_t prefix_bytes = sizeof(flatbuffers::uoffset_t);

/// Of the plain form, whether the file has it or has the weight packed only.
uint64_t plain_bytes(const schema::Tensor& tensor) {
  return weight_elements(tensor) * element_bits(tensor.type()) / 8;
}

/// Tells weights apart that do not share their bytes.
using Place = std::pair<uint64_t, const schema::Tensor*>;
Place place_of(const schema::Tensor& tensor) {
  const bool is_plain = tensor.data()->size() != 0;
  return is_plain ? Place{tensor.data()->offset(), nullptr} : Place{0, &tensor};
}

uint64_t weight_rows(const schema::Tensor& tensor) {
  return tensor.shape()->size() == 0 ? 1
                                     : static_cast<uint64_t>(std::max(1, tensor.shape()->Get(0)));
}

/// Of a mixture's matrices, a token reads those of its experts.
uint64_t bytes_read(const ModelFile& file, const schema::Operator& step,
                    const schema::Tensor& tensor) {
  const uint64_t bytes = bytes_with_scales(file, tensor);
  const auto* mixture = step.attributes_as_MixtureOfExperts();
  if (mixture == nullptr || mixture->experts() == 0) return bytes;
  return bytes / mixture->experts() * mixture->experts_per_token();
}

/// What one token reads of the weights. A table that an embedding and a Linear share is read whole.
uint64_t count_bytes_per_token(const ModelFile& file, const schema::EntryPoint& entry) {
  std::set<Place> read;
  uint64_t bytes = 0;
  for (const auto* step : *entry.operators()) {
    const bool embedding = step->attributes_type() == schema::Attributes::Embedding;
    for (const int32_t input : *step->inputs()) {
      if (input < 0) continue;
      const schema::Tensor& tensor = file.tensor(input);
      if (tensor.storage() != schema::Storage::weight || tensor.data() == nullptr) continue;
      if (embedding) {
        bytes += bytes_with_scales(file, tensor) / weight_rows(tensor);
      } else if (read.insert(place_of(tensor)).second) {
        bytes += bytes_read(file, *step, tensor);
      }
    }
  }
  return bytes;
}

}  // namespace

ModelFile::ModelFile(const std::string& path) : path_(path) {
  const convert::InputFile file(path);
  flatbuffers::uoffset_t claimed = 0;
  if (file.size() < 2 * prefix_bytes + 4)
    throw std::runtime_error(path + ": is not a .linnet file");
  file.read_at(0, std::as_writable_bytes(std::span(&claimed, 1)));
  const uint64_t size = prefix_bytes + flatbuffers::EndianScalar(claimed);
  if (size > file.size()) throw std::runtime_error(path + ": is cut short, or not a .linnet file");
  bytes_.resize((size + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  file.read_at(0, std::as_writable_bytes(std::span(bytes_)).first(size));
  const auto* bytes = reinterpret_cast<const uint8_t*>(bytes_.data());
  flatbuffers::Verifier verifier(bytes, size);
  if (!schema::VerifySizePrefixedModelBuffer(verifier)) {
    throw std::runtime_error(path + ": is not a .linnet file, or its header is damaged");
  }
  header_ = schema::GetSizePrefixedModel(bytes);
}

const schema::Tensor& ModelFile::tensor(int32_t index) const {
  const auto* tensors = header_->tensors();
  if (index < 0 || static_cast<uint32_t>(index) >= tensors->size()) {
    throw std::runtime_error(path_ + ": names tensor " + std::to_string(index) + " of " +
                             std::to_string(tensors->size()));
  }
  return *tensors->Get(static_cast<uint32_t>(index));
}

uint64_t element_bits(schema::DataType type) {
  switch (type) {
    case schema::DataType::int4:
      return 4;
    case schema::DataType::int8:
      return 8;
    case schema::DataType::f16:
    case schema::DataType::bf16:
      return 16;
    default:
      return 32;
  }
}

uint64_t weight_elements(const schema::Tensor& tensor) {
  uint64_t elements = 1;
  for (const int32_t dimension : *tensor.shape()) elements *= static_cast<uint64_t>(dimension);
  return elements;
}

uint64_t bytes_with_scales(const ModelFile& file, const schema::Tensor& tensor) {
  const uint64_t bytes = plain_bytes(tensor);
  return tensor.scales() < 0 ? bytes : bytes + plain_bytes(file.tensor(tensor.scales()));
}

WeightFigures count_weights(const ModelFile& file) {
  const auto& tensors = *file.header().tensors();
  std::set<int32_t> scales;
  for (const auto* tensor : tensors) scales.insert(tensor->scales());
  std::set<Place> seen;
  WeightFigures figures;
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    const schema::Tensor& tensor = *tensors.Get(i);
    if (tensor.storage() != schema::Storage::weight || tensor.data() == nullptr) continue;
    if (!seen.insert(place_of(tensor)).second) continue;
    WeightCount& count = figures.by_type[schema::EnumNameDataType(tensor.type())];
    count.tensors += 1;
    count.elements += weight_elements(tensor);
    count.bytes += plain_bytes(tensor);
    figures.bytes += plain_bytes(tensor);
    if (scales.count(static_cast<int32_t>(i)) == 0) figures.parameters += weight_elements(tensor);
  }
  // The first entry point is the one that runs token by token.
  const auto& entries = *file.header().entry_points();
  if (entries.size() != 0) figures.bytes_per_token = count_bytes_per_token(file, *entries.Get(0));
  return figures;
}

}  // namespace linnet::cli
