#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

/// WordPiece as BERT cuts words (Devlin et al. 2019): the longest token that a word begins with,
/// then, again and again, the longest continuing token that the rest begins with. A word that can't
/// be cut so to its end is unknown as a whole. The tables must outlive it.
class WordPiece {
 public:
  void open(const TokenizerData& data);

  /// Adds the ids of a word; `scratch` is memory to use again. False when memory is not to be had.
  [[nodiscard]] bool encode(std::string_view word, List<char>& scratch, List<int32_t>& ids) const;

 private:
  bool is_too_long(std::string_view word) const;

  const TokenizerData* data_ = nullptr;
  SortedTokens tokens_;
};

}  // namespace linnet
