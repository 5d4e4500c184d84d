#pragma once

#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/list.h"
#include "runtime/base/status.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/charsmap.h"
#include "runtime/text/pattern.h"

namespace linnet {

/// Memory that normalising uses again from text to text.
struct NormalizerScratch {
  List<char> from;
  List<char> to;
  List<PatternChoice> choices;
};

/// What a tokenizer does to a text before it looks for pieces: its steps, one after another, as
/// Hugging Face's tokenizers define them.
class Normalizer {
 public:
  /// Compiles the patterns. The tables must outlive it.
  Status open(const TokenizerData& data);

  bool empty() const { return steps_.empty(); }

  /// Normalises `text`, whole UTF-8, which afterwards may lie in `scratch`. Fails when the text
  /// grows beyond longest_after_steps. `at_start`, true for what begins at the start of a whole
  /// text, becomes false when its first characters are lost.
  Status apply(NormalizerScratch& scratch, std::string_view& text, bool& at_start) const;

 private:
  Status run(size_t index, std::string_view text, List<PatternChoice>& choices, bool& at_start,
             List<char>& out) const;
  bool replace_matches(size_t index, std::string_view text, List<PatternChoice>& choices,
                       bool& at_start, List<char>& out) const;

  std::span<const NormalizerStep> steps_;
  Array<Pattern> patterns_;  // by step; only those of replace_matches are compiled
  Charsmap charsmap_;
};

}  // namespace linnet
