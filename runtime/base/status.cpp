#include "runtime/base/status.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace linnet {
namespace {

constinit thread_local linnet_message last_message = {};

}  // namespace

const char* Status::message() const { return failed() ? last_message.text : ""; }

Status Status::error(linnet_status code, const char* format, ...) {
  linnet_message message;  // the arguments may be of the last one
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message.text, sizeof message.text, format, arguments);
  va_end(arguments);
  last_message = message;
  return Status(code);
}

Status Status::within(const char* format, ...) const {
  linnet_message message;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message.text, sizeof message.text, format, arguments);
  va_end(arguments);
  const size_t used = std::strlen(message.text);
  std::snprintf(message.text + used, sizeof message.text - used, "%s", last_message.text);
  last_message = message;
  return *this;
}

}  // namespace linnet
