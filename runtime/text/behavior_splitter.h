#pragma once

#include <string_view>

#include "runtime/model/tokenizer_data.h"
#include "runtime/text/pattern.h"

namespace linnet {

/// Cuts a text at the matches of a pattern; the behaviour says what becomes of the matches.
class BehaviorSplitter {
 public:
  /// See PatternSplitter. With `invert` what lies between two matches counts as the match.
  BehaviorSplitter(const Pattern& pattern, SplitBehavior behavior, bool invert,
                   std::string_view text, List<PatternChoice>& choices)
      : pieces_(pattern, text, choices), behavior_(behavior), invert_(invert) {}

  /// The next piece, never an empty one; false at the end.
  bool next(Piece& out);

  /// See PatternSplitter.
  bool lacks_memory() const { return pieces_.lacks_memory(); }

 private:
  bool next_part(Piece& out);
  bool joins(const Piece& left, const Piece& right) const;

  PatternSplitter pieces_;
  SplitBehavior behavior_;
  bool invert_;
  Piece held_;  // the part that the next piece begins with, if not empty
};

}  // namespace linnet
