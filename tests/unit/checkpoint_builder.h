#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/safetensors_builder.h"

namespace linnet::test {

/// The content of a checkpoint of f32 tensors, small and made up.
class CheckpointBuilder {
 public:
  using Shape = std::vector<int>;

  /// A tensor of the given values, or of values that differ from each other and from 0 and 1.
  CheckpointBuilder& add(const std::string& name, const Shape& shape,
                         std::vector<float> values = {}) {
    size_t count = 1;
    for (int size : shape) count *= static_cast<size_t>(size);
    for (size_t i = values.size(); i < count; ++i) {
      values.push_back(0.25f + 0.01f * static_cast<float>((i * 7 + tensors_.size()) % 50));
    }
    tensors_[name] = {shape, std::move(values)};
    return *this;
  }

  CheckpointBuilder& remove(const std::string& name) {
    tensors_.erase(name);
    return *this;
  }

  /// The safetensors file.
  std::string bytes() const {
    std::string header, data;
    for (const auto& [name, tensor] : tensors_) {
      const std::string begin = std::to_string(data.size());
      data += bytes_of_all(tensor.second);
      const std::string range = "[" + begin + "," + std::to_string(data.size()) + "]";
      header += (header.empty() ? "{" : ",") + header_entry(name, "F32", list(tensor.first), range);
    }
    return safetensors(header.empty() ? "{}" : header + "}", data);
  }

 private:
  static std::string list(const Shape& shape) {
    std::string text = "[";
    for (int size : shape) text += (text.size() > 1 ? "," : "") + std::to_string(size);
    return text + "]";
  }

  std::map<std::string, std::pair<Shape, std::vector<float>>> tensors_;
};

}  // namespace linnet::test
