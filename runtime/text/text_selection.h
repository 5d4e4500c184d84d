#pragma once

#include <array>

#include "runtime/base/selection.h"
#include "runtime/model/tokenizer_data.h"

// Which parts of reading and writing text a build has: those that the models of its
// LINNET_OPERATOR_LIST need. Without any of them models run, from ids to logits.

namespace linnet {

/// By TokenizerKind, as schema/linnet.fbs names them.
inline constexpr std::array tokenizer_names = {"byte_level_bpe", "longest_match", "bytes",
                                               "word_piece",     "unigram",       "character_bpe"};

constexpr const char* tokenizer_name(TokenizerKind kind) {
  return tokenizer_names[static_cast<size_t>(kind)];
}

constexpr bool has_tokenizer(TokenizerKind kind) { return is_selected(tokenizer_name(kind)); }

/// Any kind of tokenizer.
inline constexpr bool has_text = [] {
  for (const char* name : tokenizer_names) {
    if (is_selected(name)) return true;
  }
  return false;
}();

/// Both kinds share the same code.
inline constexpr bool has_bpe =
    has_tokenizer(TokenizerKind::byte_level_bpe) || has_tokenizer(TokenizerKind::character_bpe);

/// Regular expressions, at whose matches texts are cut or changed.
inline constexpr bool has_patterns = has_text && is_selected("patterns");

/// Steps that change a text before it is cut into tokens.
inline constexpr bool has_normalizers = has_text && is_selected("normalizers");

/// Sampling one token after another, as decoders write; with or without a tokenizer.
inline constexpr bool has_generation = is_selected("generation");

/// Searching with beams, as encoder-decoders write.
inline constexpr bool has_translation = is_selected("translation");

}  // namespace linnet
