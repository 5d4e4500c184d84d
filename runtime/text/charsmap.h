#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/list.h"

namespace linnet {

/// The replacements that SentencePiece compiles its normalisation rules to: a double array (Darts;
/// Aoe 1989, "An Efficient Digital Search Algorithm by Using a Double-Array Structure") over the
/// bytes of what is replaced, whose values are places in a list of replacements. A view.
class Charsmap {
 public:
  void open(std::span<const uint32_t> trie, std::span<const uint8_t> replacements) {
    trie_ = trie;
    replacements_ = replacements;
  }

  /// Adds `text` with its replacements made, as Hugging Face's tokenizers make them: a grapheme of
  /// less than 6 bytes as a whole if any rule fits its beginning, else character by character.
  /// False when memory is not to be had.
  [[nodiscard]] bool append_replaced(std::string_view text, List<char>& out) const;

 private:
  bool find(std::string_view from, std::string_view& to) const;
  bool append_grapheme(std::string_view grapheme, List<char>& out) const;

  std::span<const uint32_t> trie_;
  std::span<const uint8_t> replacements_;
};

}  // namespace linnet
