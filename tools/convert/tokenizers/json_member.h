#pragma once

#include <nlohmann/json.hpp>

namespace linnet::convert {

/// object[key], or null where `object` is not an object or has no such key.
inline const nlohmann::json& json_member(const nlohmann::json& object, const char* key) {
  static const nlohmann::json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

/// object[key] as a T, or `otherwise` where it is missing or null; throws where it is something
/// else.
template <typename T>
T json_member_or(const nlohmann::json& object, const char* key, T otherwise) {
  const nlohmann::json& value = json_member(object, key);
  return value.is_null() ? otherwise : value.get<T>();
}

}  // namespace linnet::convert
