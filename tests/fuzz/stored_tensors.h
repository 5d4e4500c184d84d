#pragma once

#include <utility>
#include <vector>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/input_file.h"

namespace linnet::fuzz {

/// Reads the values of every tensor that a reader has found, each as what it is, up to a bound: a
/// view of few bytes may stand for a tensor of any size, which only its reader's memory limits.
inline void read_values(convert::InputFile file, convert::StoredTensors tensors) {
  constexpr uint64_t most_elements = 1 << 16;
  std::vector<convert::InputFile> files;
  files.push_back(std::move(file));
  const convert::Checkpoint checkpoint(std::move(files), std::move(tensors));
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (tensor.elements() > most_elements) continue;
    try {
      checkpoint.read(name);
    } catch (const std::runtime_error&) {  // of a type that is no floating-point number
      checkpoint.read_integers(name);
    }
  }
}

}  // namespace linnet::fuzz
