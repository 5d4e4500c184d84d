#pragma once

#include <linnet/linnet.h>

namespace linnet {

/// The outcome of a call: a code and, for a failure, one line that names the file, operator or
/// tensor, what was expected and what was found. As small as its code, since every call has one:
/// the line stands in this thread's own memory until the thread's next failure. Never throws.
class [[nodiscard]] Status {
 public:
  static Status ok() { return Status(LINNET_OK); }

  /// `format` and its arguments as for printf; a longer message is cut at the end.
  [[gnu::format(printf, 2, 3), gnu::cold]] static Status error(linnet_status code,
                                                               const char* format, ...);

  bool failed() const { return code_ != LINNET_OK; }
  linnet_status code() const { return code_; }
  /// Of this thread's latest failure; empty for a success.
  const char* message() const;

  /// The same failure with `format` put before its message, as "layers.3.mlp: …".
  [[gnu::format(printf, 2, 3), gnu::cold]] Status within(const char* format, ...) const;

 private:
  explicit Status(linnet_status code) : code_(code) {}

  linnet_status code_;
};

}  // namespace linnet
