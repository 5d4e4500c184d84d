#pragma once

#include <string_view>

#include "runtime/base/status.h"
#include "runtime/text/pattern_syntax.h"

namespace linnet {

/// Reads a pattern's text into a tree; its character sets go into `program`. Groups nest at most so
/// deeply that walking the tree recursively is safe.
Status parse_pattern(std::string_view text, PatternTree& tree, PatternProgram& program);

}  // namespace linnet
