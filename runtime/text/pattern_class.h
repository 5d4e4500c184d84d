#pragma once

#include "runtime/base/status.h"
#include "runtime/text/pattern_program.h"
#include "runtime/text/pattern_syntax.h"

namespace linnet {

/// Reads what follows a backslash outside [...]: a character or one of the sets \s \S \d \D \w \W
/// \p{...} \P{...}. Assertions are not for this to read. `folded`: (?i) holds here.
Status read_escape(PatternReader& reader, bool folded, PatternProgram& program, Atom& out);

/// Reads a bracket expression whose '[' was just read, up to and with its ']'.
Status read_class(PatternReader& reader, bool folded, PatternProgram& program, Atom& out);

/// An atom for one character.
Atom atom_of(char32_t code_point, bool folded);

/// Puts a filled-in set into the program; fails when memory is not to be had.
Status add_set(CharSet set, PatternProgram& program, Atom& out);

}  // namespace linnet
