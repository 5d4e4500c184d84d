#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/list.h"
#include "runtime/base/status.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/bpe.h"
#include "runtime/text/pattern.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

struct EncodeScratch;

/// Text to token ids and back, from a model's tables. A text takes the way that Hugging Face's
/// tokenizers give it: cut at added tokens, normalised, cut at added tokens that are looked for
/// after that, cut into pieces by the split patterns, and each piece encoded by itself.
///
/// Once open, any number of threads may use it at the same time.
class Tokenizer {
 public:
  /// Verifies the tables, which must outlive the tokenizer, and compiles the split patterns.
  Status open(const TokenizerData& data);

  /// Adds the ids of `text`; with `special_tokens` those the model puts around a text, too.
  /// Byte-level BPE sees U+FFFD in place of bytes that are not UTF-8; the other kinds take them as
  /// they are.
  Status encode(std::string_view text, bool special_tokens, List<int32_t>& ids) const;

  /// Adds the bytes that ids stand for, which need not be whole characters (see Utf8Stream). Ids
  /// that stand for nothing are passed over and, without `special_tokens`, special tokens too.
  Status decode(std::span<const int32_t> ids, bool special_tokens, List<char>& bytes) const;

  /// True for an added token that is marked as special.
  bool is_special(int32_t id) const;

 private:
  bool encode_bytes(std::string_view text, List<int32_t>& ids) const;
  Status encode_normalized(std::string_view text, EncodeScratch& scratch, List<int32_t>& ids) const;
  bool encode_plain(std::string_view text, EncodeScratch& scratch, List<int32_t>& ids) const;
  bool encode_split(std::string_view text, size_t pattern, EncodeScratch& scratch,
                    List<int32_t>& ids) const;

  const TokenizerData* data_ = nullptr;
  AddedTokens before_normalization_;
  AddedTokens after_normalization_;
  Array<uint32_t> special_ids_;  // sorted
  Array<Pattern> patterns_;
  Bpe bpe_;
  SortedTokens tokens_;
};

}  // namespace linnet
