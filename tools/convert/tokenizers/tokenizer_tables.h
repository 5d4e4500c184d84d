#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/model/tokenizer_data.h"

namespace linnet::convert {

/// A merge of byte-pair encoding, as a list of them in a file gives it.
struct MergeRule {
  uint32_t left;
  uint32_t right;
  uint32_t rank;
  uint32_t merged;
};

/// Steps as runtime/model/tokenizer_data.h has them, owned.
struct NormalizerRule {
  NormalizerKind kind = NormalizerKind::nfc;
  std::string pattern = {};
  std::string content = {};
};

struct PreTokenizerRule {
  PreTokenizerKind kind = PreTokenizerKind::split;
  std::string pattern = {};
  std::string content = {};
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  PrependScheme prepend = PrependScheme::always;
};

struct DecoderRule {
  DecoderKind kind = DecoderKind::fuse;
  std::string pattern = {};
  std::string content = {};
  uint32_t start = 0;
  uint32_t stop = 0;
};

/// A tokenizer's tables, owned: what is written to a model file. See runtime/model/tokenizer_data.h
/// for their meaning.
struct TokenizerTables {
  TokenizerKind kind = TokenizerKind::bytes;
  uint32_t vocabulary = 0;
  std::vector<uint32_t> token_offsets;
  std::vector<uint8_t> token_bytes;
  std::vector<uint32_t> tokens_by_bytes;
  std::vector<uint32_t> merge_offsets;
  std::vector<Merge> merges;
  std::vector<NormalizerRule> normalizers;
  std::vector<PreTokenizerRule> pre_tokenizers;
  std::vector<DecoderRule> decoders;
  bool ignore_merges = false;
  int32_t unknown_id = -1;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  std::string continuing_prefix;
  std::string end_of_word_suffix;
  uint32_t most_word_characters = 0;
  std::vector<double> scores;
  std::vector<uint32_t> charsmap_trie;
  std::vector<uint8_t> charsmap_text;
  std::vector<AddedToken> added_tokens;
  std::vector<uint32_t> prefix_ids;
  std::vector<uint32_t> suffix_ids;
  std::vector<TemplatePiece> single;
  std::vector<TemplatePiece> pair;

  /// The bytes of every id, in order; an id that stands for nothing has none.
  void set_tokens(const std::vector<std::string>& bytes);

  /// The ids that can be found by their bytes: all of `ids`, of which the first of several with the
  /// same bytes is taken. Call it after set_tokens.
  void set_findable(const std::vector<uint32_t>& ids);

  /// Of several rules for the same pair the last is taken. Call it after set_tokens.
  void set_merges(std::vector<MergeRule> rules);

  /// SentencePiece's precompiled_charsmap: u32 size of a double array in bytes, the array, and what
  /// it replaces by; all little-endian. Throws std::runtime_error if the parts don't fit.
  void set_charsmap(const std::vector<uint8_t>& map);

  std::string bytes_of(uint32_t id) const;

  /// The tables as the runtime sees them; valid while these are unchanged. Throws std::bad_alloc.
  TokenizerData view() const;
};

}  // namespace linnet::convert
