#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "schema/linnet_generated.h"

namespace linnet::cli {

/// The header of a .linnet file, read and verified apart from the runtime: what the file says.
/// Throws std::runtime_error with a message that names the file.
class ModelFile {
 public:
  explicit ModelFile(const std::string& path);

  const schema::Model& header() const { return *header_; }

  /// The same as a FlatBuffer behind its size, for objects::GetSizePrefixedModel.
  const void* header_data() const { return bytes_.data(); }

  /// The tensor at an index of the header; throws if there is none.
  const schema::Tensor& tensor(int32_t index) const;

 private:
  std::string path_;
  std::vector<uint64_t> bytes_;  // of the header; words, for their alignment
  const schema::Model* header_ = nullptr;
};

/// Weights of one data type.
struct WeightCount {
  uint64_t tensors = 0;
  uint64_t elements = 0;
  uint64_t bytes = 0;
};

struct WeightFigures {
  uint64_t parameters = 0;  ///< weight elements, without the scales of quantised ones
  uint64_t bytes = 0;
  uint64_t bytes_per_token = 0;  ///< what one decoded token reads: all but the embedding table,
                                 ///< of which it reads a row
  std::map<std::string, WeightCount> by_type;
};

/// Counts weights; those that share their bytes count once.
WeightFigures count_weights(const ModelFile& file);

/// Bits of one element in a weight's plain form.
uint64_t element_bits(schema::DataType type);

/// Elements of a weight.
uint64_t weight_elements(const schema::Tensor& tensor);

/// Bytes of a weight and its scales.
uint64_t bytes_with_scales(const ModelFile& file, const schema::Tensor& tensor);

inline std::string string_of(const flatbuffers::String* value) {
  return value == nullptr ? std::string() : value->str();
}

}  // namespace linnet::cli
