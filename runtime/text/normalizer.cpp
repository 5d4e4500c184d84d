#include "runtime/text/normalizer.h"

#include <utility>

#include "runtime/text/character_steps.h"
#include "runtime/text/normalize.h"
#include "runtime/text/text_selection.h"
#include "runtime/text/unicode.h"
#include "runtime/text/utf8.h"

namespace linnet {
namespace {

Status no_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory to normalise a text"); }

size_t count_leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Character character = decode_utf8(text, at);
    if (!is_white_space(character.code_point)) break;
    at += character.size;
  }
  return at;
}

size_t without_trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t before = previous_character(text, end, 0);
    if (!is_white_space(decode_utf8(text, before).code_point)) break;
    end = before;
  }
  return end;
}

bool append_stripped(NormalizerKind side, std::string_view text, List<char>& out) {
  if (side == NormalizerKind::strip_left) {
    text.remove_prefix(count_leading_space(text));
  } else {
    text = text.substr(0, without_trailing_space(text));
  }
  return out.append(text.data(), text.size());
}

bool append_prepended(std::string_view text, std::string_view content, List<char>& out) {
  return text.empty() ||
         (out.append(content.data(), content.size()) && out.append(text.data(), text.size()));
}

bool begins_with_one_of(std::string_view text, bool (*is_dropped)(char32_t)) {
  return !text.empty() && is_dropped(decode_utf8(text, 0).code_point);
}

/// True if the step takes the first character of `text` away. Hugging Face's tokenizers then no
/// longer count what follows as the beginning of the text.
bool loses_beginning(const NormalizerStep& step, std::string_view text) {
  switch (step.kind) {
    case NormalizerKind::strip_left:
      return begins_with_one_of(text, is_white_space);
    case NormalizerKind::strip_accents:
      return begins_with_one_of(text, is_mark);
    case NormalizerKind::bert_accents:
      return begins_with_one_of(text, is_nonspacing_mark);
    case NormalizerKind::bert_clean:
      return begins_with_one_of(text, is_dropped_by_bert_clean);
    case NormalizerKind::nmt:
      return begins_with_one_of(text, is_dropped_by_nmt);
    case NormalizerKind::replace: {
      // A replacement counts as standing where the last character of what it replaces stood.
      const bool whole = !text.empty() && decode_utf8(text, 0).size == step.pattern.size();
      return text.starts_with(step.pattern) && (step.content.empty() || !whole);
    }
    default:
      return false;
  }
}

}  // namespace

Status Normalizer::open(const TokenizerData& data) {
  if (!has_normalizers)
    return data.normalizers.empty() ? Status::ok() : left_out("a tokenizer with", "normalizers");
  steps_ = data.normalizers.span();
  if (!patterns_.allocate(steps_.size())) return no_memory();
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].kind != NormalizerKind::replace_matches) continue;
    const Status status = patterns_[i].compile(steps_[i].pattern);
    if (status.failed()) return status.within("tokenizer: normalizer %zu: ", i);
  }
  charsmap_.open(data.charsmap_trie, data.charsmap_text);
  return Status::ok();
}

Status Normalizer::apply(NormalizerScratch& scratch, std::string_view& text, bool& at_start) const {
  if (!has_normalizers) return Status::ok();
  const size_t most_bytes = longest_after_steps(text.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    scratch.to.clear();
    const Status status = run(i, text, scratch.choices, at_start, scratch.to);
    if (status.failed()) return status;
    if (scratch.to.size() > most_bytes) {
      return Status::error(LINNET_INVALID_MODEL,
                           "the tokenizer's normalizers make a text too long");
    }
    std::swap(scratch.from, scratch.to);
    text = {scratch.from.data(), scratch.from.size()};
  }
  return Status::ok();
}

Status Normalizer::run(size_t index, std::string_view text, List<PatternChoice>& choices,
                       bool& at_start, List<char>& out) const {
  const NormalizerStep& step = steps_[index];
  if (at_start && loses_beginning(step, text)) at_start = false;
  bool added = false;
  switch (step.kind) {
    case NormalizerKind::nfc:
      return append_normalized(text, NormalForm::nfc, out);
    case NormalizerKind::nfd:
      return append_normalized(text, NormalForm::nfd, out);
    case NormalizerKind::nfkc:
      return append_normalized(text, NormalForm::nfkc, out);
    case NormalizerKind::nfkd:
      return append_normalized(text, NormalForm::nfkd, out);
    case NormalizerKind::lowercase:
      added = append_lower_case(text, out);
      break;
    case NormalizerKind::strip_accents:
      added = append_without_marks(text, out);
      break;
    case NormalizerKind::strip_left:
    case NormalizerKind::strip_right:
      added = append_stripped(step.kind, text, out);
      break;
    case NormalizerKind::replace:
      added = append_replaced(text, step.pattern, step.content, out);
      break;
    case NormalizerKind::replace_matches:
      added = replace_matches(index, text, choices, at_start, out);
      break;
    case NormalizerKind::prepend:
      added = append_prepended(text, step.content, out);
      break;
    case NormalizerKind::charsmap:
      added = charsmap_.append_replaced(text, out);
      break;
    case NormalizerKind::nmt:
      added = append_nmt(text, out);
      break;
    case NormalizerKind::bert_clean:
      added = append_bert_clean(text, out);
      break;
    case NormalizerKind::bert_ideographs:
      added = append_with_ideographs_apart(text, out);
      break;
    case NormalizerKind::bert_accents:
      added = append_without_nonspacing_marks(text, out);
      break;
  }
  return added ? Status::ok() : no_memory();
}

bool Normalizer::replace_matches(size_t index, std::string_view text, List<PatternChoice>& choices,
                                 bool& at_start, List<char>& out) const {
  const std::string_view content = steps_[index].content;
  PatternSplitter splitter(patterns_[index], text, choices);
  for (Piece piece; splitter.next(piece);) {
    const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    const std::string_view added = piece.matched ? content : part;
    if (!out.append(added.data(), added.size())) return false;
    const bool one_character = decode_utf8(part, 0).size == part.size();
    const bool keeps_place = !piece.matched || (one_character && !content.empty());
    if (piece.begin == 0 && !keeps_place) at_start = false;
  }
  return !splitter.lacks_memory();
}

}  // namespace linnet
