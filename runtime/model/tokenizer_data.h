#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/status.h"

namespace linnet {

enum class TokenizerKind : uint8_t {
  byte_level_bpe,
  longest_match,
  bytes,
  word_piece,
  unigram,
  character_bpe
};

/// Two tokens that BPE joins: (the left token whose list this stands in, right) -> merged.
/// Lower ranks are joined first.
struct Merge {
  uint32_t right;
  uint32_t rank;
  uint32_t merged;
};

/// A token that is found in the text as a whole, before everything else.
struct AddedToken {
  uint32_t id = 0;
  bool special = false;
  bool left_strip = false;
  bool right_strip = false;
  bool single_word = false;
  bool normalized = false;
};

/// A step puts at most so many bytes in the place of something, and all steps together make a text
/// at most so many times as long: far above what any tokenizer needs, so that a hostile one can't
/// make a short text fill the memory.
inline constexpr size_t most_step_bytes = 64;
inline constexpr size_t most_step_growth = 64;

/// How long the steps may make a text of `size` bytes.
constexpr size_t longest_after_steps(size_t size) {
  return (size + most_step_bytes) * most_step_growth;
}

/// What a step of normalisation does to a text. Steps that name BERT do what its tokenizer calls
/// clean_text, handle_chinese_chars and strip_accents.
enum class NormalizerKind : uint8_t {
  nfc,
  nfd,
  nfkc,
  nfkd,
  lowercase,
  strip_accents,    ///< drops combining marks
  strip_left,       ///< drops leading white space
  strip_right,      ///< drops trailing white space
  replace,          ///< every `pattern`, a plain string, by `content`
  replace_matches,  ///< every match of `pattern`, a regular expression, by `content`
  prepend,          ///< puts `content` before a text that is not empty
  charsmap,         ///< SentencePiece's compiled replacements
  nmt,              ///< drops control characters and makes other breaks spaces
  bert_clean,
  bert_ideographs,
  bert_accents
};

struct NormalizerStep {
  NormalizerKind kind = NormalizerKind::nfc;
  std::string_view pattern = {};
  std::string_view content = {};
};

enum class PreTokenizerKind : uint8_t {
  split,     ///< cuts at the matches of `pattern`, a regular expression
  metaspace  ///< makes each space `content` and puts `content` before the text as `prepend` says
};

/// What becomes of a match of a split pattern.
enum class SplitBehavior : uint8_t {
  isolated,
  removed,
  contiguous,  ///< neighbouring matches stay together
  merged_with_previous,
  merged_with_next
};

enum class PrependScheme : uint8_t {
  always,  ///< unless it stands there already
  first,   ///< … and only where the whole text begins
  never
};

struct PreTokenizerStep {
  PreTokenizerKind kind = PreTokenizerKind::split;
  std::string_view pattern = {};
  std::string_view content = {};
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  ///< what lies between two matches is the match
  PrependScheme prepend = PrependScheme::always;
};

/// What a step of decoding does to the list of the tokens' texts.
enum class DecoderKind : uint8_t {
  byte_fallback,  ///< <0x0A> and the like become bytes
  fuse,           ///< joins all of them into one
  strip,          ///< takes up to `start` and `stop` times `content` off each one's ends
  replace,        ///< every `pattern`, a plain string, by `content`
  metaspace,    ///< every `content` becomes a space; in the first token it goes, if `start` is set
  word_piece,   ///< takes the prefix `pattern` off, or puts a space before, but for the first one
  end_of_word,  ///< the suffix `pattern` becomes a space, in the last token nothing
  separate      ///< puts `content` between two tokens
};

struct DecoderStep {
  DecoderKind kind = DecoderKind::fuse;
  std::string_view pattern = {};
  std::string_view content = {};
  uint32_t start = 0;
  uint32_t stop = 0;
};

/// A part of what is made of a text or of a pair of them.
struct TemplatePiece {
  static constexpr int32_t kFirstText = -1;
  static constexpr int32_t kSecondText = -2;

  int32_t id = kFirstText;  ///< of a special token, or one of the texts
  uint32_t type = 0;        ///< token type of all of the piece
};

/// The tables of a tokenizer as a model file holds them: verified views into the mapped file (see
/// schema/linnet.fbs for their layout), so that opening a model builds nothing. Immutable; valid as
/// long as the model.
struct TokenizerData {
  TokenizerKind kind = TokenizerKind::bytes;
  uint32_t vocabulary = 0;                  ///< ids are 0 .. vocabulary - 1
  std::span<const uint32_t> token_offsets;  ///< [vocabulary + 1]
  std::span<const uint8_t> token_bytes;
  std::span<const uint32_t> tokens_by_bytes;  ///< ids in use, sorted by their bytes
  std::span<const uint32_t> merge_offsets;    ///< [vocabulary + 1]
  std::span<const Merge> merges;
  Array<NormalizerStep> normalizers;
  Array<PreTokenizerStep> pre_tokenizers;
  Array<DecoderStep> decoders;         ///< none: the tokens' bytes one after another
  bool ignore_merges = false;          ///< a piece that is a token is not merged up
  int32_t unknown_id = -1;             ///< for what has no token; -1: it vanishes
  bool fuse_unknown = false;           ///< one unknown token for a run of such bytes
  bool byte_fallback = false;          ///< a character without a token becomes tokens like <0x0A>
  std::string_view continuing_prefix;  ///< of tokens that don't begin a word
  std::string_view end_of_word_suffix;
  uint32_t most_word_characters = 0;  ///< word_piece: a longer word is unknown
  std::span<const double> scores;     ///< unigram: log probability by id, of the model's own tokens
  std::span<const uint32_t> charsmap_trie;
  std::span<const uint8_t> charsmap_text;
  Array<AddedToken> added_tokens;
  std::span<const uint32_t> prefix_ids;
  std::span<const uint32_t> suffix_ids;
  Array<TemplatePiece> single;  ///< one text with its token types; none: prefix, text, suffix
  Array<TemplatePiece> pair;    ///< two texts; none: one after the other, of types 0 and 1

  std::string_view bytes_of(uint32_t id) const {
    return {reinterpret_cast<const char*>(token_bytes.data()) + token_offsets[id],
            token_offsets[id + 1] - token_offsets[id]};
  }
};

/// Checks that the tables are of the sizes they should be and that every offset and id in them
/// stays inside: what reading them safely needs. Their order is not checked.
Status verify_tokenizer(const TokenizerData& data);

}  // namespace linnet
