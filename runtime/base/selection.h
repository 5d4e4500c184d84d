#pragma once

#include <string_view>

#include "runtime/base/kinds.h"
#include "runtime/base/status.h"

// Which operators, types of weights and parts of a tokenizer a build has. All, or those of the file
// that the CMake option LINNET_OPERATOR_LIST names, which platforms/targets.cmake makes a list of
// such as ",Embedding,Linear,f32,bytes,". What is not selected is nowhere referred to, so that the
// linker leaves it out.

namespace linnet {

#ifdef LINNET_SELECTION
inline constexpr std::string_view selection = LINNET_SELECTION;
#else
inline constexpr std::string_view selection;
#endif

constexpr bool is_selected(std::string_view name) {
  if (selection.empty()) return true;
  for (size_t at = selection.find(name); at != std::string_view::npos;
       at = selection.find(name, at + 1)) {
    if (selection[at - 1] == ',' && selection[at + name.size()] == ',') return true;
  }
  return false;
}

/// What a model is refused with that needs something else: "needs the operator Wkv, which …".
Status left_out(const char* kind, const char* name);

/// Empty for what is no type of weights.
constexpr const char* weights_name(DataType type) {
  switch (type) {
    case DataType::f32:
      return "f32";
    case DataType::f16:
      return "f16";
    case DataType::bf16:
      return "bf16";
    case DataType::int8:
      return "int8";
    case DataType::int4:
      return "int4";
    default:
      return "";
  }
}

/// Whether matrices of this type can be multiplied by, and looked up in.
constexpr bool has_weights(DataType type) {
  return *weights_name(type) != '\0' && is_selected(weights_name(type));
}

/// The same where the compiler is to leave out what depends on it.
template <DataType type>
inline constexpr bool has_weights_of = has_weights(type);

}  // namespace linnet
