#pragma once

#include <cstdint>
#include <span>
#include <string_view>

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
  const TokenizerData* data_ = nullptr;
  std::span<const uint32_t> ids_;
  uint32_t starts_[257] = {};  // tokens with first byte b are [starts_[b], starts_[b + 1])
};

}  // namespace linnet
