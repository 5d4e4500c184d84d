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
#include "runtime/text/decoder.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/pattern.h"
#include "runtime/text/sorted_tokens.h"
#include "runtime/text/unigram.h"
#include "runtime/text/word_piece.h"

namespace linnet {

struct EncodeScratch;

/// A text, or a pair of texts of which the model is to see both.
struct TextPair {
  std::string_view first;
  std::string_view second;
  bool has_second = false;
};

/// Text to token ids and back, from a model's tables. A text takes the way that Hugging Face's
/// tokenizers give it: cut at added tokens, normalised, cut at added tokens that are looked for
/// after that, cut into pieces by the pre-tokenizers, and each piece encoded by itself.
///
/// Once open, any number of threads may use it at the same time.
class Tokenizer {
 public:
  /// Verifies the tables, which must outlive the tokenizer, and compiles the split patterns.
  Status open(const TokenizerData& data);

  /// Adds the ids of `text`; with `special_tokens` those the model puts around a text, too.
  /// Bytes and the longest match take bytes that are not UTF-8 as they are; the other kinds see
  /// U+FFFD in their place.
  Status encode(std::string_view text, bool special_tokens, List<int32_t>& ids) const;

  /// Adds the ids of a text or a pair, and the token type of each.
  Status encode_pair(const TextPair& texts, bool special_tokens, List<int32_t>& ids,
                     List<int32_t>& types) const;

  /// Adds the text of ids that begin one. Where a model's tokens are bytes it need not be whole
  /// characters (see Utf8Stream). Ids that stand for nothing are passed over and, without
  /// `special_tokens`, special tokens too.
  Status decode(std::span<const int32_t> ids, bool special_tokens, List<char>& bytes) const;

  /// Adds what one more token adds to a text, special tokens nothing; bytes of a character may come
  /// one by one. `scratch` is kept from call to call, so that decoding soon allocates nothing.
  Status decode_next(int32_t id, DecodeScratch& scratch, List<char>& bytes) const;

  /// True for an added token that is marked as special.
  bool is_special(int32_t id) const;

 private:
  Status compile_patterns();
  Status encode_text(std::string_view text, List<int32_t>& ids) const;
  Status encode_part(std::string_view text, bool at_start, EncodeScratch& scratch,
                     List<int32_t>& ids) const;
  bool encode_from(size_t step, std::string_view text, bool at_start, EncodeScratch& scratch,
                   List<int32_t>& ids) const;
  bool encode_piece(std::string_view piece, EncodeScratch& scratch, List<int32_t>& ids) const;
  bool gather(std::span<const int32_t> ids, bool special_tokens, TextList& out) const;
  bool is_decoded(int32_t id, bool special_tokens) const;
  bool reads_characters() const;

  const TokenizerData* data_ = nullptr;
  AddedTokens before_normalization_;
  AddedTokens after_normalization_;
  Array<uint32_t> special_ids_;  // sorted
  Normalizer normalizer_;
  Array<Pattern> patterns_;  // by pre-tokenizer; those of metaspace are not compiled
  Bpe bpe_;
  WordPiece word_piece_;
  Unigram unigram_;
  SortedTokens tokens_;
  Decoder decoder_;
};

}  // namespace linnet
