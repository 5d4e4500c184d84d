#include "runtime/base/log.h"

#include <cstdarg>
#include <cstdio>

namespace linnet {

void Log::info(const char* format, ...) const {
  if (callback_ == nullptr) return;
  linnet_message line;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.text, sizeof line.text, format, arguments);
  va_end(arguments);
  callback_(LINNET_LOG_INFO, line.text, context_);
}

void Log::warning(const char* format, ...) const {
  if (callback_ == nullptr) return;
  linnet_message line;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.text, sizeof line.text, format, arguments);
  va_end(arguments);
  callback_(LINNET_LOG_WARNING, line.text, context_);
}

}  // namespace linnet
