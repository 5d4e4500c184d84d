#include "runtime/text/tokenizer.h"

#include <algorithm>

#include "runtime/text/behavior_splitter.h"
#include "runtime/text/character_steps.h"
#include "runtime/text/longest_match.h"
#include "runtime/text/text_selection.h"
#include "runtime/text/utf8.h"

namespace linnet {

/// Memory of one call of encode.
struct EncodeScratch {
  NormalizerScratch normalizer;
  Array<List<char>> rewritten;  // by pre-tokenizer
  size_t most_rewritten = 0;    // bytes
  List<PatternChoice> choices;
  List<char> word;
  BpeScratch bpe;
  UnigramScratch unigram;
};

namespace {

constexpr size_t kMostTextBytes = size_t{1} << 31;

Status no_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory to tokenize a text"); }

std::string_view view(const List<char>& bytes) { return {bytes.data(), bytes.size()}; }

bool append_ids(std::span<const uint32_t> from, List<int32_t>& ids) {
  for (const uint32_t id : from) {
    if (!ids.push(static_cast<int32_t>(id))) return false;
  }
  return true;
}

bool encode_bytes(std::string_view text, List<int32_t>& ids) {
  for (const char c : text) {
    if (!ids.push(static_cast<uint8_t>(c))) return false;
  }
  return true;
}

bool append_metaspace(const PreTokenizerStep& step, std::string_view text, bool at_start,
                      List<char>& out) {
  const std::string_view mark = step.content;
  const bool wanted =
      step.prepend == PrependScheme::always || (step.prepend == PrependScheme::first && at_start);
  const bool stands_there = text.starts_with(' ') || text.starts_with(mark);
  if (wanted && !stands_there && !out.append(mark.data(), mark.size())) return false;
  return append_replaced(text, " ", mark, out);
}

}  // namespace

Status Tokenizer::open(const TokenizerData& data) {
  if (!has_tokenizer(data.kind)) return left_out("a tokenizer of", tokenizer_name(data.kind));
  if (Status status = verify_tokenizer(data); status.failed()) return status.within("tokenizer: ");
  data_ = &data;
  if (Status status = before_normalization_.open(data, false); status.failed()) return status;
  if (Status status = after_normalization_.open(data, true); status.failed()) return status;
  if (Status status = normalizer_.open(data); status.failed()) return status;
  if (Status status = compile_patterns(); status.failed()) return status;
  size_t specials = 0;
  for (const AddedToken& token : data.added_tokens) specials += token.special ? 1 : 0;
  if (!special_ids_.allocate(specials)) return no_memory();
  for (const AddedToken& token : data.added_tokens) {
    if (token.special) special_ids_[--specials] = token.id;
  }
  std::sort(special_ids_.begin(), special_ids_.end());
  decoder_.open(data);
  switch (data.kind) {
    case TokenizerKind::byte_level_bpe:
    case TokenizerKind::character_bpe:
      if constexpr (has_bpe) bpe_.open(data);
      break;
    case TokenizerKind::word_piece:
      if constexpr (has_tokenizer(TokenizerKind::word_piece)) word_piece_.open(data);
      break;
    case TokenizerKind::unigram:
      if constexpr (has_tokenizer(TokenizerKind::unigram)) unigram_.open(data);
      break;
    case TokenizerKind::longest_match:
      if constexpr (has_tokenizer(TokenizerKind::longest_match))
        tokens_.open(data, data.tokens_by_bytes);
      break;
    case TokenizerKind::bytes:
      break;
  }
  return Status::ok();
}

Status Tokenizer::compile_patterns() {
  if (!patterns_.allocate(data_->pre_tokenizers.size())) return no_memory();
  for (size_t i = 0; i < patterns_.size(); ++i) {
    const PreTokenizerStep& step = data_->pre_tokenizers[i];
    if (step.kind != PreTokenizerKind::split) continue;
    const Status status = patterns_[i].compile(step.pattern);
    if (status.failed()) return status.within("tokenizer: split pattern %zu: ", i);
  }
  return Status::ok();
}

Status Tokenizer::encode(std::string_view text, bool special_tokens, List<int32_t>& ids) const {
  if (special_tokens && !append_ids(data_->prefix_ids, ids)) return no_memory();
  if (Status status = encode_text(text, ids); status.failed()) return status;
  if (special_tokens && !append_ids(data_->suffix_ids, ids)) return no_memory();
  return Status::ok();
}

Status Tokenizer::encode_pair(const TextPair& texts, bool special_tokens, List<int32_t>& ids,
                              List<int32_t>& types) const {
  const std::span<const TemplatePiece> given =
      texts.has_second ? data_->pair.span() : data_->single.span();
  const TemplatePiece plain[] = {{TemplatePiece::kFirstText, 0}, {TemplatePiece::kSecondText, 1}};
  const bool has_template = !given.empty();
  const std::span<const TemplatePiece> pieces =
      has_template ? given : std::span(plain, texts.has_second ? 2 : 1);
  if (special_tokens && !has_template && !append_ids(data_->prefix_ids, ids)) return no_memory();
  for (const TemplatePiece& piece : pieces) {
    if (piece.id < 0) {
      const bool first = piece.id == TemplatePiece::kFirstText;
      const Status status = encode_text(first ? texts.first : texts.second, ids);
      if (status.failed()) return status;
    } else if (special_tokens && !ids.push(piece.id)) {
      return no_memory();
    }
    const size_t untyped = ids.size() - types.size();
    if (!types.append_copies(untyped, static_cast<int32_t>(piece.type))) return no_memory();
  }
  if (special_tokens && !has_template && !append_ids(data_->suffix_ids, ids)) return no_memory();
  return types.append_copies(ids.size() - types.size(), 0) ? Status::ok() : no_memory();
}

/// Bytes and the longest match take any bytes; what reads characters needs whole ones.
bool Tokenizer::reads_characters() const {
  return data_->kind != TokenizerKind::longest_match && data_->kind != TokenizerKind::bytes;
}

Status Tokenizer::encode_text(std::string_view text, List<int32_t>& ids) const {
  if (text.size() > kMostTextBytes) {
    return Status::error(LINNET_INVALID_ARGUMENT, "a text of %zu bytes is too long to tokenize",
                         text.size());
  }
  EncodeScratch scratch;
  List<char> repaired;
  if (!scratch.rewritten.allocate(data_->pre_tokenizers.size())) return no_memory();
  if (reads_characters() && find_malformed_utf8(text) != text.size()) {
    if (!append_repaired_utf8(text, repaired)) return no_memory();
    text = view(repaired);
  }
  AddedTokenSplitter splitter(before_normalization_, text);
  for (AddedTokenPart part; splitter.next(part);) {
    if (part.token == nullptr) {
      const bool at_start = part.text.data() == text.data();
      const Status status = encode_part(part.text, at_start, scratch, ids);
      if (status.failed()) return status;
    } else if (!ids.push(static_cast<int32_t>(part.token->id))) {
      return no_memory();
    }
  }
  return Status::ok();
}

/// What lies between added tokens. `at_start`: the whole text begins with it.
Status Tokenizer::encode_part(std::string_view text, bool at_start, EncodeScratch& scratch,
                              List<int32_t>& ids) const {
  const Status status = normalizer_.apply(scratch.normalizer, text, at_start);
  if (status.failed()) return status;
  scratch.most_rewritten = longest_after_steps(text.size());
  AddedTokenSplitter splitter(after_normalization_, text);
  for (AddedTokenPart part; splitter.next(part);) {
    const bool begins = at_start && part.text.data() == text.data();
    const bool added = part.token != nullptr ? ids.push(static_cast<int32_t>(part.token->id))
                                             : encode_from(0, part.text, begins, scratch, ids);
    if (!added) return no_memory();
  }
  return Status::ok();
}

/// Text without added tokens, from one pre-tokenizer on.
bool Tokenizer::encode_from(size_t step, std::string_view text, bool at_start,
                            EncodeScratch& scratch, List<int32_t>& ids) const {
  if (step == patterns_.size()) return text.empty() || encode_piece(text, scratch, ids);
  const PreTokenizerStep& how = data_->pre_tokenizers[step];
  if (how.kind == PreTokenizerKind::metaspace) {
    List<char>& rewritten = scratch.rewritten[step];
    rewritten.clear();
    return append_metaspace(how, text, at_start, rewritten) &&
           rewritten.size() <= scratch.most_rewritten &&
           encode_from(step + 1, view(rewritten), at_start, scratch, ids);
  }
  BehaviorSplitter splitter(patterns_[step], how.behavior, how.invert, text, scratch.choices);
  for (Piece piece; splitter.next(piece);) {
    const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    if (!encode_from(step + 1, part, at_start && piece.begin == 0, scratch, ids)) return false;
  }
  return !splitter.lacks_memory();
}

bool Tokenizer::encode_piece(std::string_view piece, EncodeScratch& scratch,
                             List<int32_t>& ids) const {
  switch (data_->kind) {
    case TokenizerKind::byte_level_bpe:
    case TokenizerKind::character_bpe:
      if constexpr (has_bpe) return bpe_.encode(piece, scratch.bpe, ids);
      break;
    case TokenizerKind::word_piece:
      if constexpr (has_tokenizer(TokenizerKind::word_piece))
        return word_piece_.encode(piece, scratch.word, ids);
      break;
    case TokenizerKind::unigram:
      if constexpr (has_tokenizer(TokenizerKind::unigram))
        return unigram_.encode(piece, scratch.unigram, ids);
      break;
    case TokenizerKind::longest_match:
      if constexpr (has_tokenizer(TokenizerKind::longest_match))
        return encode_longest(tokens_, piece, ids);
      break;
    case TokenizerKind::bytes:
      break;
  }
  return encode_bytes(piece, ids);
}

Status Tokenizer::decode(std::span<const int32_t> ids, bool special_tokens,
                         List<char>& bytes) const {
  DecodeScratch scratch;
  const bool decoded = gather(ids, special_tokens, scratch.from) && decoder_.run(scratch, true);
  const std::string_view text = scratch.from.bytes();
  return decoded && bytes.append(text.data(), text.size()) ? Status::ok() : no_memory();
}

Status Tokenizer::decode_next(int32_t id, DecodeScratch& scratch, List<char>& bytes) const {
  scratch.from.clear();
  const bool decoded = gather({&id, 1}, false, scratch.from) && decoder_.run(scratch, false);
  const std::string_view text = scratch.from.bytes();
  return decoded && bytes.append(text.data(), text.size()) ? Status::ok() : no_memory();
}

bool Tokenizer::gather(std::span<const int32_t> ids, bool special_tokens, TextList& out) const {
  for (const int32_t id : ids) {
    if (!is_decoded(id, special_tokens)) continue;
    if (!out.add(data_->bytes_of(static_cast<uint32_t>(id)))) return false;
  }
  return true;
}

bool Tokenizer::is_decoded(int32_t id, bool special_tokens) const {
  if (id < 0 || static_cast<uint32_t>(id) >= data_->vocabulary) return false;
  if (data_->bytes_of(static_cast<uint32_t>(id)).empty()) return false;
  return special_tokens || !is_special(id);
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 &&
         std::binary_search(special_ids_.begin(), special_ids_.end(), static_cast<uint32_t>(id));
}

}  // namespace linnet
