#include "runtime/text/behavior_splitter.h"

#include <doctest/doctest.h>

#include "tests/unit/text_builder.h"

namespace linnet {
namespace {

using Pieces = std::vector<std::string>;

Pieces cut(SplitBehavior behavior, std::string_view text, bool invert = false) {
  Pattern pattern;
  REQUIRE(!pattern.compile("-").failed());
  List<PatternChoice> choices;
  BehaviorSplitter splitter(pattern, behavior, invert, text, choices);
  Pieces pieces;
  for (Piece piece; splitter.next(piece);) {
    pieces.emplace_back(text.substr(piece.begin, piece.end - piece.begin));
  }
  return pieces;
}

}  // namespace

// The text that Hugging Face's documentation explains the behaviours with.
TEST_CASE("the behaviour says what becomes of the matches") {
  const std::string_view text = "the-final--countdown";
  CHECK(cut(SplitBehavior::removed, text) == Pieces{"the", "final", "countdown"});
  CHECK(cut(SplitBehavior::isolated, text) == Pieces{"the", "-", "final", "-", "-", "countdown"});
  CHECK(cut(SplitBehavior::merged_with_previous, text) ==
        Pieces{"the-", "final-", "-", "countdown"});
  CHECK(cut(SplitBehavior::merged_with_next, text) == Pieces{"the", "-final", "-", "-countdown"});
  CHECK(cut(SplitBehavior::contiguous, text) == Pieces{"the", "-", "final", "--", "countdown"});
}

TEST_CASE("matches at the ends stay where there is nothing to merge with") {
  CHECK(cut(SplitBehavior::merged_with_previous, "-a-") == Pieces{"-", "a-"});
  CHECK(cut(SplitBehavior::merged_with_next, "-a-") == Pieces{"-a", "-"});
  CHECK(cut(SplitBehavior::contiguous, "--a--") == Pieces{"--", "a", "--"});
  CHECK(cut(SplitBehavior::removed, "--").empty());
  CHECK(cut(SplitBehavior::isolated, "").empty());
}

TEST_CASE("inverted, what lies between matches is the match") {
  CHECK(cut(SplitBehavior::removed, "a-b--", true) == Pieces{"-", "-", "-"});
  CHECK(cut(SplitBehavior::merged_with_previous, "a--b", true) == Pieces{"a", "-", "-b"});
  CHECK(cut(SplitBehavior::contiguous, "a--b", true) == Pieces{"a", "--", "b"});
}

}  // namespace linnet
