#pragma once

#include <linnet/linnet.h>

namespace linnet {

/// The outcome of a call: a code and, for a failure, one line that names the file, operator or
/// tensor, what was expected and what was found. Cheap to make and to test; never throws.
class [[nodiscard]] Status {
 public:
  static Status ok() { return Status(); }

  /// `format` and its arguments as for printf; a longer message is cut at the end.
  [[gnu::format(printf, 2, 3)]] static Status error(linnet_status code, const char* format, ...);

  bool failed() const { return code_ != LINNET_OK; }
  linnet_status code() const { return code_; }
  const char* message() const { return message_.text; }
  const linnet_message& full_message() const { return message_; }

  /// The same failure with `format` put before its message, as "layers.3.mlp: …".
  [[gnu::format(printf, 2, 3)]] Status within(const char* format, ...) const;

 private:
  Status() = default;

  linnet_status code_ = LINNET_OK;
  linnet_message message_ = {};
};

}  // namespace linnet
