#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

/// A token of a piece while it is being merged; a list linked through `previous` and `next`.
struct BpeSymbol {
  uint32_t id;
  uint32_t previous;
  uint32_t next;
};

/// Two neighbours that could be merged.
struct BpeCandidate {
  uint32_t rank;
  uint32_t position;  ///< of the left one
  uint32_t left;      ///< ids, to see whether they still stand there
  uint32_t right;
  uint32_t merged;
};

/// Memory that encoding uses again from piece to piece.
struct BpeScratch {
  List<BpeSymbol> symbols;
  List<BpeCandidate> heap;
  List<char> name;
};

/// Byte-pair encoding (Sennrich et al. 2016). A piece starts as the tokens of its bytes or, in the
/// kind over characters, of its characters; the neighbours whose merge has the lowest rank are
/// merged, the leftmost first, until none can be. The tables must outlive it.
class Bpe {
 public:
  void open(const TokenizerData& data);

  /// Adds the ids of a piece of less than 2^32 - 1 bytes, in O(n log n); false when memory is not
  /// to be had. What has no token becomes the tokens of its bytes, if the model falls back to
  /// them, else the unknown token or, without one, vanishes.
  [[nodiscard]] bool encode(std::string_view piece, BpeScratch& scratch, List<int32_t>& ids) const;

 private:
  bool split(std::string_view piece, BpeScratch& scratch) const;
  bool name_symbol(std::string_view piece, size_t begin, size_t size, List<char>& scratch,
                   std::string_view& name) const;
  int32_t find_symbol(std::string_view name) const;
  bool merge_short(const List<BpeSymbol>& symbols, List<int32_t>& ids) const;
  bool merge_long(BpeScratch& scratch, List<int32_t>& ids) const;
  bool push_candidate(BpeScratch& scratch, uint32_t position) const;
  const Merge* find_merge(uint32_t left, uint32_t right) const;

  const TokenizerData* data_ = nullptr;
  SortedTokens tokens_;
  int32_t byte_ids_[256] = {};  // -1: the byte has no token
  ByteTokens byte_tokens_;
};

}  // namespace linnet
