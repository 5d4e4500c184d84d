#include "runtime/model/tokenizer_data.h"

#include <cinttypes>

namespace linnet {
namespace {

constexpr size_t kMostVocabulary = size_t{1} << 30;
constexpr size_t kMostSteps = 32;

Status damaged(const char* table, const char* expected) {
  return Status::error(LINNET_INVALID_MODEL, "%s: %s", table, expected);
}

// offsets[0 .. count] rise from 0 to `end`.
bool are_offsets(std::span<const uint32_t> offsets, size_t count, size_t end) {
  if (offsets.size() != count + 1 || offsets[0] != 0 || offsets[count] != end) return false;
  for (size_t i = 0; i < count; ++i) {
    if (offsets[i] > offsets[i + 1]) return false;
  }
  return true;
}

bool are_ids(std::span<const uint32_t> ids, uint32_t vocabulary) {
  for (const uint32_t id : ids) {
    if (id >= vocabulary) return false;
  }
  return true;
}

Status verify_merges(const TokenizerData& data) {
  if (!are_offsets(data.merge_offsets, data.vocabulary, data.merges.size())) {
    return damaged("merge_offsets",
                   "offsets into merges, one per token and one more, are expected");
  }
  for (const Merge& merge : data.merges) {
    if (merge.right >= data.vocabulary || merge.merged >= data.vocabulary) {
      return damaged("merges", "ids below the vocabulary's size are expected");
    }
  }
  return Status::ok();
}

template <typename Step>
Status verify_steps(const char* name, const Array<Step>& steps) {
  if (steps.size() > kMostSteps) {
    return Status::error(LINNET_UNSUPPORTED, "%zu %s, at most %zu are allowed", steps.size(), name,
                         kMostSteps);
  }
  for (const Step& step : steps) {
    if (step.content.size() <= most_step_bytes) continue;
    return Status::error(LINNET_UNSUPPORTED, "%s: one puts in %zu bytes, at most %zu are allowed",
                         name, step.content.size(), most_step_bytes);
  }
  return Status::ok();
}

Status verify_template(std::span<const TemplatePiece> pieces, uint32_t vocabulary) {
  for (const TemplatePiece& piece : pieces) {
    if (piece.id < TemplatePiece::kSecondText || piece.id >= static_cast<int64_t>(vocabulary)) {
      return damaged("template", "a token's id, -1 or -2 is expected");
    }
    if (piece.type > INT32_MAX) return damaged("template", "a token type is out of range");
  }
  return Status::ok();
}

Status verify_scores(const TokenizerData& data) {
  for (const uint32_t id : data.tokens_by_bytes) {
    if (id >= data.scores.size()) return damaged("scores", "one for each token is expected");
  }
  return data.unknown_id >= 0 ? Status::ok() : damaged("unknown_id", "a token's id is expected");
}

Status verify_parts(const TokenizerData& data) {
  Status status = verify_steps("normalizers", data.normalizers);
  if (!status.failed()) status = verify_steps("pre-tokenizers", data.pre_tokenizers);
  if (!status.failed()) status = verify_steps("decoders", data.decoders);
  if (!status.failed()) status = verify_template(data.single.span(), data.vocabulary);
  if (!status.failed()) status = verify_template(data.pair.span(), data.vocabulary);
  return status;
}

}  // namespace

Status verify_tokenizer(const TokenizerData& data) {
  if (data.vocabulary == 0 || data.vocabulary > kMostVocabulary) {
    return Status::error(LINNET_INVALID_MODEL, "a vocabulary of %" PRIu32 " tokens",
                         data.vocabulary);
  }
  if (!are_offsets(data.token_offsets, data.vocabulary, data.token_bytes.size())) {
    return damaged("token_offsets",
                   "offsets into token_bytes, one per token and one more, are "
                   "expected");
  }
  if (!are_ids(data.tokens_by_bytes, data.vocabulary) ||
      !are_ids(data.prefix_ids, data.vocabulary) || !are_ids(data.suffix_ids, data.vocabulary) ||
      data.unknown_id >= static_cast<int64_t>(data.vocabulary)) {
    return damaged("ids", "ids below the vocabulary's size are expected");
  }
  for (const AddedToken& token : data.added_tokens) {
    if (token.id >= data.vocabulary) return damaged("added_tokens", "an id is out of range");
  }
  if (data.kind == TokenizerKind::bytes && data.vocabulary < 256) {
    return damaged("vocabulary", "256 tokens are expected, one per byte");
  }
  if (Status status = verify_parts(data); status.failed()) return status;
  switch (data.kind) {
    case TokenizerKind::byte_level_bpe:
    case TokenizerKind::character_bpe:
      return verify_merges(data);
    case TokenizerKind::unigram:
      return verify_scores(data);
    case TokenizerKind::longest_match:
    case TokenizerKind::bytes:
    case TokenizerKind::word_piece:
      break;
  }
  return Status::ok();
}

}  // namespace linnet
