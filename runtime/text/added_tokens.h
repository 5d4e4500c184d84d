#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/text/sorted_tokens.h"

namespace linnet {

/// Some of a tokenizer's added tokens, to be found in a text as a whole.
class AddedTokens {
 public:
  /// Takes those that are looked for after (`normalized`) or before normalisation. The tables must
  /// outlive it.
  Status open(const TokenizerData& data, bool normalized);

  bool empty() const { return tokens_.empty(); }

 private:
  friend class AddedTokenSplitter;

  Array<const AddedToken*> tokens_;  // sorted by their bytes, as ids_ is
  Array<uint32_t> ids_;
  SortedTokens index_;
};

/// A part of a text: an added token, or what lies between two.
struct AddedTokenPart {
  const AddedToken* token;  ///< null: plain text
  std::string_view text;
};

/// Cuts a text at added tokens. The leftmost is taken and, of those, the longest. A token that
/// wants to stand as a single word and doesn't is passed over; one that strips takes the white
/// space beside it that no token before it has taken.
class AddedTokenSplitter {
 public:
  AddedTokenSplitter(const AddedTokens& tokens, std::string_view text)
      : tokens_(tokens), text_(text) {}

  /// The next part; plain text is never empty. False at the end.
  bool next(AddedTokenPart& out);

 private:
  bool find(AddedTokenPart& token, size_t& begin, size_t& end);
  bool stands_alone(size_t begin, size_t end) const;

  const AddedTokens& tokens_;
  std::string_view text_;
  size_t search_from_ = 0;
  size_t emitted_ = 0;
  AddedTokenPart pending_ = {nullptr, {}};
};

}  // namespace linnet
