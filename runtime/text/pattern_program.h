#pragma once

#include <cstdint>

#include "runtime/base/list.h"
#include "runtime/text/char_set.h"

namespace linnet {

enum class AtomKind : uint8_t {
  character,         ///< this code point
  folded_character,  ///< any code point that folds to this one
  set                ///< any member of the set with this index
};

/// What matches exactly one character.
struct Atom {
  AtomKind kind = AtomKind::character;
  uint32_t value = 0;
};

enum class Greed : uint8_t {
  greedy,     ///< as many as there are, then fewer
  lazy,       ///< as few as must be, then more
  possessive  ///< as many as there are, never fewer
};

constexpr uint32_t kUnbounded = UINT32_MAX;

enum class Op : uint8_t {
  accept,
  atom,      ///< one character
  repeat,    ///< the atom, at least `first` and at most `second` times
  split,     ///< go on at `first`; should that fail, at `second`
  jump,      ///< go on at `first`
  look,      ///< the code up to its accept must match here; then go on at `first`
  look_not,  ///< … must not match here
  atomic,    ///< … is matched and never tried again in another way; then go on at `first`
  line_begin,
  line_end,
  text_begin,
  text_end
};

struct Instruction {
  Op op = Op::accept;
  Greed greed = Greed::greedy;
  Atom atom = {};
  uint32_t first = 0;
  uint32_t second = 0;
};

/// What a pattern is compiled to: code for the backtracking matcher, and its character sets.
struct PatternProgram {
  List<Instruction> code;
  List<CharSet> sets;
  List<CharRange> ranges;
};

}  // namespace linnet
