#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/status.h"

namespace linnet {

enum class TokenizerKind : uint8_t { byte_level_bpe, longest_match, bytes };
enum class Normalizer : uint8_t { none, nfc };

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
  Normalizer normalizer = Normalizer::none;
  Array<std::string_view> split_patterns;
  bool add_prefix_space = false;
  bool ignore_merges = false;  ///< a piece that is a token is not merged up
  int32_t unknown_id = -1;     ///< for a byte without a token; -1: it vanishes
  bool fuse_unknown = false;   ///< one unknown token for a run of such bytes
  Array<AddedToken> added_tokens;
  std::span<const uint32_t> prefix_ids;
  std::span<const uint32_t> suffix_ids;

  std::string_view bytes_of(uint32_t id) const {
    return {reinterpret_cast<const char*>(token_bytes.data()) + token_offsets[id],
            token_offsets[id + 1] - token_offsets[id]};
  }
};

/// Checks that the tables are of the sizes they should be and that every offset and id in them
/// stays inside: what reading them safely needs. Their order is not checked.
Status verify_tokenizer(const TokenizerData& data);

}  // namespace linnet
