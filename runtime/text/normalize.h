#pragma once

#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"

namespace linnet {

/// True when `text` is certainly in Normalization Form C already: when all of it lies below the
/// first combining character.
bool is_surely_nfc(std::string_view text);

/// Adds `text`, whole UTF-8, in Normalization Form C. Takes time in proportion to its length.
Status append_nfc(std::string_view text, List<char>& out);

}  // namespace linnet
