#include "runtime/text/tokenizer.h"

#include <algorithm>

#include "runtime/text/longest_match.h"
#include "runtime/text/normalize.h"
#include "runtime/text/utf8.h"

namespace linnet {

/// Memory of one call of encode.
struct EncodeScratch {
  List<char> normalized;
  List<char> prefixed;
  List<PatternChoice> choices;
  BpeScratch bpe;
};

namespace {

constexpr size_t kMostPatterns = 16;
constexpr size_t kMostTextBytes = size_t{1} << 31;

Status no_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory to tokenize a text"); }

std::string_view view(const List<char>& bytes) { return {bytes.data(), bytes.size()}; }

bool append_ids(std::span<const uint32_t> from, List<int32_t>& ids) {
  for (const uint32_t id : from) {
    if (!ids.push(static_cast<int32_t>(id))) return false;
  }
  return true;
}

}  // namespace

Status Tokenizer::open(const TokenizerData& data) {
  if (Status status = verify_tokenizer(data); status.failed()) return status.within("tokenizer: ");
  if (data.split_patterns.size() > kMostPatterns) {
    return Status::error(LINNET_UNSUPPORTED,
                         "tokenizer: %zu split patterns, at most %zu are allowed",
                         data.split_patterns.size(), kMostPatterns);
  }
  data_ = &data;
  if (Status status = before_normalization_.open(data, false); status.failed()) return status;
  if (Status status = after_normalization_.open(data, true); status.failed()) return status;
  if (!patterns_.allocate(data.split_patterns.size())) return no_memory();
  for (size_t i = 0; i < patterns_.size(); ++i) {
    const Status status = patterns_[i].compile(data.split_patterns[i]);
    if (status.failed()) return status.within("tokenizer: split pattern %zu: ", i);
  }
  size_t specials = 0;
  for (const AddedToken& token : data.added_tokens) specials += token.special ? 1 : 0;
  if (!special_ids_.allocate(specials)) return no_memory();
  for (const AddedToken& token : data.added_tokens) {
    if (token.special) special_ids_[--specials] = token.id;
  }
  std::sort(special_ids_.begin(), special_ids_.end());
  if (data.kind == TokenizerKind::byte_level_bpe) bpe_.open(data);
  if (data.kind == TokenizerKind::longest_match) tokens_.open(data, data.tokens_by_bytes);
  return Status::ok();
}

Status Tokenizer::encode(std::string_view text, bool special_tokens, List<int32_t>& ids) const {
  if (text.size() > kMostTextBytes) {
    return Status::error(LINNET_INVALID_ARGUMENT, "a text of %zu bytes is too long to tokenize",
                         text.size());
  }
  if (special_tokens && !append_ids(data_->prefix_ids, ids)) return no_memory();
  EncodeScratch scratch;
  List<char> repaired;
  if (data_->kind == TokenizerKind::byte_level_bpe && find_malformed_utf8(text) != text.size()) {
    if (!append_repaired_utf8(text, repaired)) return no_memory();
    text = view(repaired);
  }
  AddedTokenSplitter splitter(before_normalization_, text);
  for (AddedTokenPart part; splitter.next(part);) {
    if (part.token != nullptr) {
      if (!ids.push(static_cast<int32_t>(part.token->id))) return no_memory();
      continue;
    }
    if (data_->normalizer == Normalizer::nfc && !is_surely_nfc(part.text)) {
      scratch.normalized.clear();
      const Status status = append_nfc(part.text, scratch.normalized);
      if (status.failed()) return status;
      part.text = view(scratch.normalized);
    }
    if (Status s = encode_normalized(part.text, scratch, ids); s.failed()) return s;
  }
  if (special_tokens && !append_ids(data_->suffix_ids, ids)) return no_memory();
  return Status::ok();
}

Status Tokenizer::encode_normalized(std::string_view text, EncodeScratch& scratch,
                                    List<int32_t>& ids) const {
  AddedTokenSplitter splitter(after_normalization_, text);
  for (AddedTokenPart part; splitter.next(part);) {
    const bool added = part.token != nullptr ? ids.push(static_cast<int32_t>(part.token->id))
                                             : encode_plain(part.text, scratch, ids);
    if (!added) return no_memory();
  }
  return Status::ok();
}

/// Text without added tokens.
bool Tokenizer::encode_plain(std::string_view text, EncodeScratch& scratch,
                             List<int32_t>& ids) const {
  if (data_->kind == TokenizerKind::longest_match) return encode_longest(tokens_, text, ids);
  if (data_->kind == TokenizerKind::bytes) return encode_bytes(text, ids);
  if (data_->add_prefix_space && text[0] != ' ') {
    scratch.prefixed.clear();
    if (!scratch.prefixed.push(' ') || !scratch.prefixed.append(text.data(), text.size())) {
      return false;
    }
    text = view(scratch.prefixed);
  }
  return encode_split(text, 0, scratch, ids);
}

/// Cuts by one pattern, and each piece by the next ones.
bool Tokenizer::encode_split(std::string_view text, size_t pattern, EncodeScratch& scratch,
                             List<int32_t>& ids) const {
  if (pattern == patterns_.size()) return bpe_.encode(text, scratch.bpe, ids);
  PatternSplitter splitter(patterns_[pattern], text, scratch.choices);
  for (Piece piece; splitter.next(piece);) {
    const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    if (!encode_split(part, pattern + 1, scratch, ids)) return false;
  }
  return true;
}

bool Tokenizer::encode_bytes(std::string_view text, List<int32_t>& ids) const {
  for (const char c : text) {
    if (!ids.push(static_cast<uint8_t>(c))) return false;
  }
  return true;
}

Status Tokenizer::decode(std::span<const int32_t> ids, bool special_tokens,
                         List<char>& bytes) const {
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<uint32_t>(id) >= data_->vocabulary) continue;
    if (!special_tokens && is_special(id)) continue;
    const std::string_view token = data_->bytes_of(static_cast<uint32_t>(id));
    if (!bytes.append(token.data(), token.size())) return no_memory();
  }
  return Status::ok();
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 &&
         std::binary_search(special_ids_.begin(), special_ids_.end(), static_cast<uint32_t>(id));
}

}  // namespace linnet
