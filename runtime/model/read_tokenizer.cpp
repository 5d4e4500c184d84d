#include "runtime/model/header.h"

namespace linnet {
namespace {

static_assert(static_cast<int>(schema::TokenizerKind::MAX) ==
              static_cast<int>(TokenizerKind::character_bpe));
static_assert(static_cast<int>(schema::NormalizerKind::MAX) ==
              static_cast<int>(NormalizerKind::bert_accents));
static_assert(static_cast<int>(schema::PreTokenizerKind::MAX) ==
              static_cast<int>(PreTokenizerKind::metaspace));
static_assert(static_cast<int>(schema::SplitBehavior::MAX) ==
              static_cast<int>(SplitBehavior::merged_with_next));
static_assert(static_cast<int>(schema::PrependScheme::MAX) ==
              static_cast<int>(PrependScheme::never));
static_assert(static_cast<int>(schema::DecoderKind::MAX) ==
              static_cast<int>(DecoderKind::separate));

Status out_of_memory() {
  return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the tokenizer");
}

/// A table of any number of whole elements; one that is left out is empty.
template <typename T>
Status read_table(FileBytes file, const schema::Segment* segment, const char* name,
                  std::span<const T>* out) {
  if (segment == nullptr) return Status::ok();
  if (segment->size() % sizeof(T) != 0) {
    return Status::error(LINNET_INVALID_MODEL, "%s: does not hold whole elements", name);
  }
  const void* data = nullptr;
  const Status status = find_segment(file, segment, segment->size(), name, &data);
  if (!status.failed())
    *out = {static_cast<const T*>(data), static_cast<size_t>(segment->size() / sizeof(T))};
  return status;
}

Status unknown_kind() {
  return Status::error(LINNET_UNSUPPORTED, "is of a kind that this runtime does not know");
}

/// `normalizer` comes first: the only one there was before there were steps.
Status read_normalizers(const schema::Tokenizer& from, TokenizerData* to) {
  const unsigned before = from.normalizer() == schema::Normalizer::nfc ? 1 : 0;
  const unsigned count = from.normalizers() == nullptr ? 0 : from.normalizers()->size();
  if (!to->normalizers.allocate(size_t{before} + count)) return out_of_memory();
  for (unsigned i = 0; i < count; ++i) {
    const schema::NormalizerStep& step = *from.normalizers()->Get(i);
    if (step.kind() > schema::NormalizerKind::MAX) return unknown_kind();
    to->normalizers[before + i] = {.kind = static_cast<NormalizerKind>(step.kind()),
                                   .pattern = view_of(step.pattern()),
                                   .content = view_of(step.content())};
  }
  return Status::ok();
}

/// `add_prefix_space` and `split_patterns` come first, for the same reason.
Status read_pre_tokenizers(const schema::Tokenizer& from, TokenizerData* to) {
  const unsigned spaces = from.add_prefix_space() ? 1 : 0;
  const unsigned patterns = from.split_patterns() == nullptr ? 0 : from.split_patterns()->size();
  const unsigned count = from.pre_tokenizers() == nullptr ? 0 : from.pre_tokenizers()->size();
  if (!to->pre_tokenizers.allocate(size_t{spaces} + patterns + count)) return out_of_memory();
  PreTokenizerStep* next = to->pre_tokenizers.begin();
  if (spaces > 0) *next++ = {.kind = PreTokenizerKind::metaspace, .content = " "};
  for (unsigned i = 0; i < patterns; ++i) {
    *next++ = {.pattern = view_of(from.split_patterns()->Get(i))};
  }
  for (unsigned i = 0; i < count; ++i) {
    const schema::PreTokenizerStep& step = *from.pre_tokenizers()->Get(i);
    if (step.kind() > schema::PreTokenizerKind::MAX ||
        step.behavior() > schema::SplitBehavior::MAX ||
        step.prepend() > schema::PrependScheme::MAX) {
      return unknown_kind();
    }
    *next++ = {.kind = static_cast<PreTokenizerKind>(step.kind()),
               .pattern = view_of(step.pattern()),
               .content = view_of(step.content()),
               .behavior = static_cast<SplitBehavior>(step.behavior()),
               .invert = step.invert(),
               .prepend = static_cast<PrependScheme>(step.prepend())};
  }
  return Status::ok();
}

Status read_decoders(const schema::Tokenizer& from, TokenizerData* to) {
  if (from.decoders() == nullptr) return Status::ok();
  if (!to->decoders.allocate(from.decoders()->size())) return out_of_memory();
  for (unsigned i = 0; i < to->decoders.size(); ++i) {
    const schema::DecoderStep& step = *from.decoders()->Get(i);
    if (step.kind() > schema::DecoderKind::MAX) return unknown_kind();
    to->decoders[i] = {.kind = static_cast<DecoderKind>(step.kind()),
                       .pattern = view_of(step.pattern()),
                       .content = view_of(step.content()),
                       .start = step.start(),
                       .stop = step.stop()};
  }
  return Status::ok();
}

Status read_template(const flatbuffers::Vector<const schema::TemplatePiece*>* from,
                     Array<TemplatePiece>* to) {
  if (from == nullptr) return Status::ok();
  if (!to->allocate(from->size())) return out_of_memory();
  for (unsigned i = 0; i < to->size(); ++i) {
    (*to)[i] = {.id = from->Get(i)->id(), .type = from->Get(i)->type()};
  }
  return Status::ok();
}

Status read_added_tokens(const schema::Tokenizer& from, TokenizerData* to) {
  if (from.added_tokens() == nullptr) return Status::ok();
  if (!to->added_tokens.allocate(from.added_tokens()->size())) return out_of_memory();
  for (unsigned i = 0; i < to->added_tokens.size(); ++i) {
    const schema::AddedToken& token = *from.added_tokens()->Get(i);
    to->added_tokens[i] = {.id = token.id(),
                           .special = token.special(),
                           .left_strip = token.left_strip(),
                           .right_strip = token.right_strip(),
                           .single_word = token.single_word(),
                           .normalized = token.normalized()};
  }
  return Status::ok();
}

Status read_tables(FileBytes file, const schema::Tokenizer& from, TokenizerData* to) {
  Status status = read_table(file, from.token_offsets(), "token_offsets", &to->token_offsets);
  if (!status.failed())
    status = read_table(file, from.token_bytes(), "token_bytes", &to->token_bytes);
  if (!status.failed())
    status = read_table(file, from.tokens_by_bytes(), "tokens_by_bytes", &to->tokens_by_bytes);
  if (!status.failed())
    status = read_table(file, from.merge_offsets(), "merge_offsets", &to->merge_offsets);
  if (!status.failed()) status = read_table(file, from.merges(), "merges", &to->merges);
  if (!status.failed()) status = read_table(file, from.scores(), "scores", &to->scores);
  if (!status.failed())
    status = read_table(file, from.charsmap_trie(), "charsmap_trie", &to->charsmap_trie);
  if (!status.failed())
    status = read_table(file, from.charsmap_text(), "charsmap_text", &to->charsmap_text);
  return status;
}

Status read_steps(const schema::Tokenizer& from, TokenizerData* to) {
  Status status = read_normalizers(from, to);
  if (!status.failed()) status = read_pre_tokenizers(from, to);
  if (!status.failed()) status = read_decoders(from, to);
  if (!status.failed()) status = read_template(from.single(), &to->single);
  if (!status.failed()) status = read_template(from.pair(), &to->pair);
  return status;
}

std::span<const uint32_t> ids_of(const flatbuffers::Vector<uint32_t>* ids) {
  return ids == nullptr ? std::span<const uint32_t>()
                        : std::span<const uint32_t>(ids->data(), ids->size());
}

}  // namespace

Status read_tokenizer(FileBytes file, const schema::Tokenizer& from, TokenizerData* to) {
  if (from.kind() > schema::TokenizerKind::MAX || from.normalizer() > schema::Normalizer::MAX) {
    return unknown_kind();
  }
  to->kind = static_cast<TokenizerKind>(from.kind());
  to->vocabulary = from.vocabulary();
  to->ignore_merges = from.ignore_merges();
  to->unknown_id = from.unknown_id();
  to->fuse_unknown = from.fuse_unknown();
  to->byte_fallback = from.byte_fallback();
  to->continuing_prefix = view_of(from.continuing_prefix());
  to->end_of_word_suffix = view_of(from.end_of_word_suffix());
  to->most_word_characters = from.most_word_characters();
  to->prefix_ids = ids_of(from.prefix_ids());
  to->suffix_ids = ids_of(from.suffix_ids());
  Status status = read_tables(file, from, to);
  if (!status.failed()) status = read_steps(from, to);
  if (!status.failed()) status = read_added_tokens(from, to);
  return status;
}

}  // namespace linnet
