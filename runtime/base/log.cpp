#include "runtime/base/log.h"

#include <cstdio>

namespace linnet {

void Log::write(linnet_log_level level, const char* format, va_list arguments) const {
  if (callback_ == nullptr) return;
  linnet_message line;
  std::vsnprintf(line.text, sizeof line.text, format, arguments);
  callback_(level, line.text, context_);
}

void Log::info(const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  write(LINNET_LOG_INFO, format, arguments);
  va_end(arguments);
}

void Log::warning(const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  write(LINNET_LOG_WARNING, format, arguments);
  va_end(arguments);
}

}  // namespace linnet
