#include "runtime/text/behavior_splitter.h"

namespace linnet {

bool BehaviorSplitter::next(Piece& out) {
  if (held_.begin == held_.end && !next_part(held_)) return false;
  out = held_;
  held_ = {};
  while (next_part(held_)) {
    if (!joins(out, held_)) return true;
    out.end = held_.end;
    out.matched = held_.matched;
  }
  held_ = {};
  return true;
}

/// The next match, or what lies between two.
bool BehaviorSplitter::next_part(Piece& out) {
  while (pieces_.next(out)) {
    if (invert_) out.matched = !out.matched;
    if (behavior_ != SplitBehavior::removed || !out.matched) return true;
  }
  return false;
}

/// True if `right` belongs to the piece that ends with `left`.
bool BehaviorSplitter::joins(const Piece& left, const Piece& right) const {
  switch (behavior_) {
    case SplitBehavior::contiguous:
      return left.matched == right.matched;
    case SplitBehavior::merged_with_previous:
      return !left.matched && right.matched;
    case SplitBehavior::merged_with_next:
      return left.matched && !right.matched;
    case SplitBehavior::isolated:
    case SplitBehavior::removed:
      break;
  }
  return false;
}

}  // namespace linnet
