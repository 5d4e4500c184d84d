#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/convert/formats/checkpoint.h"

namespace linnet::convert {

/// A tensor as torch's pickle describes it: a view of a storage, which lies elsewhere.
struct PickledTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::string storage;            ///< the storage's key
  uint64_t storage_elements = 0;  ///< as the pickle claims
  uint64_t first = 0;             ///< index of element [0, …, 0] in the storage
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  ///< in elements
};

/// Lists the tensors of a pickle (protocol 2 to 5) that torch.save wrote. Nothing of the pickle is
/// run: the few functions that rebuild tensors and dictionaries are known by name, and any other is
/// refused, by name.
///
/// Dictionaries, lists and tuples in one another are flattened: a tensor's name is the keys and
/// positions on its way, joined by '.', with none left out ("state_dict.layer.0.weight"). What is
/// not a tensor is left out.
///
/// `where` names the pickle in messages. Memory is bounded by a multiple of the pickle's size.
std::vector<PickledTensor> read_pickled_tensors(std::string_view pickle, const std::string& where);

}  // namespace linnet::convert
