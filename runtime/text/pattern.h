#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"
#include "runtime/text/pattern_program.h"

namespace linnet {

/// A regular expression over UTF-8, with what the split patterns of tokenizers use: alternation,
/// groups, sets and general categories, greedy, lazy and possessive quantifiers, looking ahead,
/// anchors, (?i). Alternatives are tried from left to right and quantifiers backtrack, as in
/// Oniguruma. `^` and `$` stand at the edges of lines. Compiled once, then immutable: threads may
/// share it.
class Pattern {
 public:
  /// Refuses what it does not know, and patterns of unreasonable size.
  Status compile(std::string_view text);

  const PatternProgram& program() const { return program_; }

 private:
  PatternProgram program_;
};

/// A choice that matching may come back to.
struct PatternChoice {
  uint32_t instruction;
  uint32_t remaining;  ///< of a lazy repeat: how many more it may take
  size_t position;
  size_t limit;  ///< of a greedy repeat: it may give back down to here
};

struct Piece {
  size_t begin = 0;
  size_t end = 0;
  bool matched = false;  ///< false: what lies between two matches
};

/// Cuts a text into pieces: every match of a pattern, and what lies between two matches.
///
/// The work is bounded by a multiple of the text's length. A hostile pattern that would need more
/// makes every further character a piece of its own; no pattern of a published tokenizer comes
/// near.
class PatternSplitter {
 public:
  /// `text` is whole UTF-8. `choices` is scratch that may be shared by splitters that are not
  /// within next() at the same time.
  PatternSplitter(const Pattern& pattern, std::string_view text, List<PatternChoice>& choices);

  /// The next piece, never an empty one; false at the end.
  bool next(Piece& out);

  /// Whether memory was missing for a choice, so that the pieces are not those they should be.
  bool lacks_memory() const { return lacks_memory_; }

 private:
  enum class Outcome : uint8_t { failed, matched, gave_up };

  bool find(Piece& match);
  size_t after_character(size_t position) const;

  Outcome match(uint32_t instruction, size_t position, size_t& end);
  bool execute(uint32_t& instruction, size_t& position, bool& gave_up);
  bool fails_at_once(const Instruction& code, size_t position) const;
  bool look(uint32_t& instruction, size_t& position, bool& gave_up);
  bool repeat(uint32_t& instruction, size_t& position, bool& gave_up);
  bool backtrack(size_t base, uint32_t& instruction, size_t& position, bool& gave_up);
  bool resume_lazy(const PatternChoice& choice, uint32_t& instruction, size_t& position,
                   bool& gave_up);

  bool step(Atom atom, size_t& position) const;
  bool matches(Atom atom, char32_t c) const;
  size_t run_of(Atom atom, uint32_t most, size_t position, uint32_t& count) const;
  bool holds(Op assertion, size_t position) const;
  bool save(PatternChoice choice);

  const PatternProgram& program_;
  std::string_view text_;
  List<PatternChoice>& choices_;
  uint64_t steps_left_;
  bool exhausted_ = false;
  bool lacks_memory_ = false;
  size_t search_from_ = 0;
  size_t last_match_end_ = SIZE_MAX;
  size_t emitted_ = 0;  // text before this has been given out
  Piece pending_;       // a match to give out after the text before it
};

}  // namespace linnet
