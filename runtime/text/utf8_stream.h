#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"

namespace linnet {

/// Turns the bytes of one token after another into text that can be shown: whole characters only.
/// The beginning of a character is held back, at most 3 bytes, until the rest has come. Bytes that
/// can't become a character turn into U+FFFD, in all as if the whole had been decoded at once.
class Utf8Stream {
 public:
  /// Adds to `out` what is now certain.
  Status push(std::string_view bytes, List<char>& out);

  /// The end: what is held back becomes U+FFFD, and the stream may start anew.
  Status finish(List<char>& out);

 private:
  char held_[4] = {};
  size_t held_size_ = 0;
};

}  // namespace linnet
