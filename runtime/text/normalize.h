#pragma once

#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"

namespace linnet {

/// The normalization forms of Unicode Standard Annex 15.
enum class NormalForm : uint8_t { nfc, nfd, nfkc, nfkd };

/// True when `text` is certainly in this form already: for Normalization Form C when all of it lies
/// below the first combining character, for the others when it is ASCII.
bool is_surely_normal(std::string_view text, NormalForm form);

/// Adds `text`, whole UTF-8, in a normal form. Takes time in proportion to its length.
Status append_normalized(std::string_view text, NormalForm form, List<char>& out);

}  // namespace linnet
