#pragma once

#include <string>
#include <vector>

namespace linnet::cli {

/// What a runtime must have for all of these models, as the CMake option LINNET_OPERATOR_LIST
/// takes it: a line per operator, per type of weights and per part of the tokenizers, each kind in
/// alphabetical order. Throws std::runtime_error with a message that names the file.
std::string operator_list(const std::vector<std::string>& models);

}  // namespace linnet::cli
