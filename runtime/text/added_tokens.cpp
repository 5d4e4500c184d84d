#include "runtime/text/added_tokens.h"

#include <algorithm>

#include "runtime/text/unicode.h"
#include "runtime/text/utf8.h"

namespace linnet {
namespace {

// Unlike in Oniguruma, in Rust's regular expressions joiners belong to words (UTS 18, Annex C).
bool is_joiner(char32_t c) { return c == 0x200C || c == 0x200D; }

size_t skip_white_space(std::string_view text, size_t position) {
  while (position < text.size()) {
    const Utf8Character character = decode_utf8(text, position);
    if (!is_white_space(character.code_point)) break;
    position += character.size;
  }
  return position;
}

size_t skip_white_space_back(std::string_view text, size_t position, size_t limit) {
  while (position > limit) {
    const size_t before = previous_character(text, position, limit);
    if (!is_white_space(decode_utf8(text, before).code_point)) break;
    position = before;
  }
  return position;
}

}  // namespace

Status AddedTokens::open(const TokenizerData& data, bool normalized) {
  size_t count = 0;
  const auto wanted = [&](const AddedToken& token) {
    return token.normalized == normalized && !data.bytes_of(token.id).empty();
  };
  for (const AddedToken& token : data.added_tokens) count += wanted(token) ? 1 : 0;
  if (!tokens_.allocate(count) || !ids_.allocate(count)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu added tokens", count);
  }
  size_t used = 0;
  for (const AddedToken& token : data.added_tokens) {
    if (wanted(token)) tokens_[used++] = &token;
  }
  std::sort(tokens_.begin(), tokens_.end(), [&](const AddedToken* a, const AddedToken* b) {
    const int order = data.bytes_of(a->id).compare(data.bytes_of(b->id));
    return order != 0 ? order < 0 : a->id < b->id;
  });
  for (size_t i = 0; i < count; ++i) ids_[i] = tokens_[i]->id;
  index_.open(data, ids_.span());
  return Status::ok();
}

bool AddedTokenSplitter::next(AddedTokenPart& out) {
  if (pending_.token != nullptr) {
    out = pending_;
    pending_.token = nullptr;
    return true;
  }
  size_t begin = text_.size();
  size_t end = begin;
  AddedTokenPart token = {nullptr, {}};
  const bool found = find(token, begin, end);
  const bool text_before = emitted_ < begin;
  if (text_before) out = {nullptr, text_.substr(emitted_, begin - emitted_)};
  if (found) {
    emitted_ = end;
    (text_before ? pending_ : out) = token;
  } else {
    emitted_ = text_.size();
  }
  return found || text_before;
}

/// The next token from search_from_ on, and the range that it takes.
bool AddedTokenSplitter::find(AddedTokenPart& token, size_t& begin, size_t& end) {
  if (tokens_.empty()) return false;
  for (size_t at = search_from_; at < text_.size(); ++at) {
    if (!tokens_.index_.may_begin(text_[at])) continue;
    const size_t index = tokens_.index_.find_longest(text_.substr(at));
    if (index == SortedTokens::kNone) continue;
    const AddedToken& added = *tokens_.tokens_[index];
    const size_t after = at + tokens_.index_.bytes(index).size();
    if (added.single_word && !stands_alone(at, after)) {
      at = after - 1;
      continue;
    }
    begin = added.left_strip ? skip_white_space_back(text_, at, std::min(at, emitted_)) : at;
    end = added.right_strip ? skip_white_space(text_, after) : after;
    token = {&added, text_.substr(begin, end - begin)};
    search_from_ = after;
    return true;
  }
  search_from_ = text_.size();
  return false;
}

bool AddedTokenSplitter::stands_alone(size_t begin, size_t end) const {
  const auto is_word_at = [&](size_t i) {
    const char32_t c = decode_utf8(text_, i).code_point;
    return is_word_character(c) || is_joiner(c);
  };
  if (begin > 0 && is_word_at(previous_character(text_, begin, 0))) return false;
  return end == text_.size() || !is_word_at(end);
}

}  // namespace linnet
