#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/model/tokenizer_data.h"

namespace linnet {

/// Finds tokens by their bytes in a list of ids that is sorted by them (unsigned, shorter first).
/// A view: the list and the tokenizer's tables must outlive it.
class SortedTokens {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  void open(const TokenizerData& data, std::span<const uint32_t> ids);

  /// The index in the list of the token that is exactly `wanted`, or kNone.
  size_t find(std::string_view wanted) const;

  /// The index of the longest token that `text` begins with, or kNone.
  size_t find_longest(std::string_view text) const;

  /// False when no token begins with this byte.
  bool may_begin(char first) const {
    const auto byte = static_cast<uint8_t>(first);
    return starts_[byte] < starts_[byte + 1];
  }

  uint32_t id(size_t index) const { return ids_[index]; }
  std::string_view bytes(size_t index) const { return data_->bytes_of(ids_[index]); }

 private:
  friend class TokenPrefixes;

  const TokenizerData* data_ = nullptr;
  std::span<const uint32_t> ids_;
  uint32_t starts_[257] = {};  // tokens with first byte b are [starts_[b], starts_[b + 1])
};

/// The tokens that a text begins with, the shortest first.
class TokenPrefixes {
 public:
  TokenPrefixes(const SortedTokens& tokens, std::string_view text);

  /// The index of the next token; false when there is none.
  bool next(size_t& index);

 private:
  const SortedTokens& tokens_;
  std::string_view text_;
  size_t depth_ = 0;  // tokens that share this many bytes with the text are [low_, high_)
  size_t low_ = 0;
  size_t high_ = 0;
};

/// The tokens <0x00> to <0xFF> that stand for one byte each where a character has no token.
class ByteTokens {
 public:
  void open(const SortedTokens& tokens);

  /// True if every byte of `text` has one.
  bool has_all(std::string_view text) const;

  /// Adds their ids; false when memory is not to be had.
  [[nodiscard]] bool append(std::string_view text, List<int32_t>& ids) const;

  int32_t id(char byte) const { return ids_[static_cast<uint8_t>(byte)]; }

 private:
  int32_t ids_[256] = {};  // -1: the byte has none
};

}  // namespace linnet
