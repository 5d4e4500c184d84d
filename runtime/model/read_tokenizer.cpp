#include "runtime/model/header.h"

namespace linnet {
namespace {

static_assert(static_cast<int>(schema::TokenizerKind::MAX) ==
              static_cast<int>(TokenizerKind::bytes));
static_assert(static_cast<int>(schema::Normalizer::MAX) == static_cast<int>(Normalizer::nfc));

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

Status read_patterns(const schema::Tokenizer& from, TokenizerData* to) {
  if (from.split_patterns() == nullptr) return Status::ok();
  if (!to->split_patterns.allocate(from.split_patterns()->size())) return out_of_memory();
  for (unsigned i = 0; i < to->split_patterns.size(); ++i) {
    to->split_patterns[i] = view_of(from.split_patterns()->Get(i));
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
  return status;
}

std::span<const uint32_t> ids_of(const flatbuffers::Vector<uint32_t>* ids) {
  return ids == nullptr ? std::span<const uint32_t>()
                        : std::span<const uint32_t>(ids->data(), ids->size());
}

}  // namespace

Status read_tokenizer(FileBytes file, const schema::Tokenizer& from, TokenizerData* to) {
  if (from.kind() > schema::TokenizerKind::MAX || from.normalizer() > schema::Normalizer::MAX) {
    return Status::error(LINNET_UNSUPPORTED, "is of a kind that this runtime does not know");
  }
  to->kind = static_cast<TokenizerKind>(from.kind());
  to->normalizer = static_cast<Normalizer>(from.normalizer());
  to->vocabulary = from.vocabulary();
  to->add_prefix_space = from.add_prefix_space();
  to->ignore_merges = from.ignore_merges();
  to->unknown_id = from.unknown_id();
  to->fuse_unknown = from.fuse_unknown();
  to->prefix_ids = ids_of(from.prefix_ids());
  to->suffix_ids = ids_of(from.suffix_ids());
  Status status = read_tables(file, from, to);
  if (!status.failed()) status = read_patterns(from, to);
  if (!status.failed()) status = read_added_tokens(from, to);
  return status;
}

}  // namespace linnet
