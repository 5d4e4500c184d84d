#include "runtime/base/status.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace linnet {

Status Status::error(linnet_status code, const char* format, ...) {
  Status status;
  status.code_ = code;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.message_.text, sizeof status.message_.text, format, arguments);
  va_end(arguments);
  return status;
}

Status Status::within(const char* format, ...) const {
  Status status;
  status.code_ = code_;
  char* text = status.message_.text;
  const size_t capacity = sizeof status.message_.text;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, capacity, format, arguments);
  va_end(arguments);
  const size_t used = std::strlen(text);
  std::snprintf(text + used, capacity - used, "%s", message_.text);
  return status;
}

}  // namespace linnet
