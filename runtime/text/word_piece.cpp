#include "runtime/text/word_piece.h"

#include <algorithm>

#include "runtime/text/utf8.h"

namespace linnet {

void WordPiece::open(const TokenizerData& data) {
  data_ = &data;
  tokens_.open(data, data.tokens_by_bytes);
}

bool WordPiece::encode(std::string_view word, List<char>& scratch, List<int32_t>& ids) const {
  const std::string_view prefix = data_->continuing_prefix;
  const size_t ids_before = ids.size();
  scratch.clear();
  if (!scratch.append(prefix.data(), prefix.size()) || !scratch.append(word.data(), word.size())) {
    return false;
  }
  const std::string_view whole(scratch.data(), scratch.size());
  bool known = !is_too_long(word);
  for (size_t at = prefix.size(); known && at < whole.size();) {
    // What has been read makes room for the prefix right before the rest.
    const bool begins = at == prefix.size();
    const size_t marked = begins ? 0 : prefix.size();
    std::copy_n(prefix.data(), marked, scratch.data() + at - marked);
    const size_t index = tokens_.find_longest(whole.substr(at - marked));
    known = index != SortedTokens::kNone && tokens_.bytes(index).size() > marked;
    if (!known) break;
    if (!ids.push(static_cast<int32_t>(tokens_.id(index)))) return false;
    at += tokens_.bytes(index).size() - marked;
  }
  if (known) return true;
  ids.truncate(ids_before);
  return data_->unknown_id < 0 || ids.push(data_->unknown_id);
}

bool WordPiece::is_too_long(std::string_view word) const {
  if (word.size() <= data_->most_word_characters) return false;
  const auto characters = std::count_if(word.begin(), word.end(),
                                        [](char byte) { return !is_utf8_continuation(byte); });
  return static_cast<size_t>(characters) > data_->most_word_characters;
}

}  // namespace linnet
