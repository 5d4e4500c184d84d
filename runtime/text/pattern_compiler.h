#pragma once

#include <string_view>

#include "runtime/base/status.h"
#include "runtime/text/pattern_program.h"

namespace linnet {

/// Compiles a pattern, whose size and that of its code are bounded.
Status compile_pattern(std::string_view text, PatternProgram& program);

}  // namespace linnet
