#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

/// The best way to cut the text before one place: its last token and where that begins.
struct UnigramNode {
  double score = 0;
  size_t begin = SIZE_MAX;  ///< SIZE_MAX: no token ends here
  int32_t id = 0;
};

/// Memory that encoding uses again from piece to piece.
struct UnigramScratch {
  List<UnigramNode> nodes;
  List<size_t> ends;
};

/// The unigram language model of SentencePiece (Kudo 2018, "Subword Regularization"): of all ways
/// to cut a piece into tokens the one with the largest sum of log probabilities, found by Viterbi's
/// algorithm. A character that no token fits is unknown, at 10 below the least likely token; a run
/// of unknown ones is one. The tables must outlive it.
class Unigram {
 public:
  void open(const TokenizerData& data);

  /// Adds the ids of a piece; false when memory is not to be had.
  [[nodiscard]] bool encode(std::string_view piece, UnigramScratch& scratch,
                            List<int32_t>& ids) const;

 private:
  bool find_best(std::string_view piece, List<UnigramNode>& nodes) const;
  bool add_unknown(std::string_view run, List<int32_t>& ids) const;

  const TokenizerData* data_ = nullptr;
  SortedTokens tokens_;
  double unknown_score_ = 0;
  ByteTokens byte_tokens_;
};

}  // namespace linnet
