#pragma once

#include <linnet/linnet.h>

#include <cstdarg>

namespace linnet {

/// Whom a model's lines go to; by default nobody.
class Log {
 public:
  Log() = default;
  explicit Log(const linnet_model_options& options)
      : callback_(options.log), context_(options.log_context) {}

  /// `format` and its arguments as for printf; a line longer than linnet_message's is cut at its
  /// end.
  [[gnu::format(printf, 2, 3)]] void info(const char* format, ...) const;
  [[gnu::format(printf, 2, 3)]] void warning(const char* format, ...) const;

 private:
  [[gnu::format(printf, 3, 0)]] void write(linnet_log_level level, const char* format,
                                           va_list arguments) const;

  linnet_log callback_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace linnet
