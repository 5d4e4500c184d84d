#include "runtime/text/decoder.h"

#include <algorithm>
#include <utility>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The byte that <0x0A> and the like stand for, or -1.
int byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const int high = hex_digit(token[3]);
  const int low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// A run of byte tokens becomes one text. In a whole text, a run that isn't whole characters
/// becomes a U+FFFD for each byte.
bool fall_back_to_bytes(const TextList& from, bool whole_text, TextList& to) {
  for (size_t i = 0; i < from.size();) {
    size_t end = i;
    for (int byte = 0; end < from.size() && (byte = byte_of(from[end])) >= 0; ++end) {
      const char c = static_cast<char>(byte);
      if (!to.write({&c, 1})) return false;
    }
    if (end == i) {
      if (!to.add(from[i++])) return false;
      continue;
    }
    if (whole_text && find_malformed_utf8(to.written()) != to.written().size()) {
      to.take_back();
      for (size_t k = i; k < end; ++k) {
        if (!to.write(kReplacement)) return false;
      }
    }
    if (!to.end()) return false;
    i = end;
  }
  return true;
}

/// Writes `text` with every `pattern` replaced from the left.
bool write_replaced(std::string_view text, std::string_view pattern, std::string_view content,
                    TextList& to) {
  while (!pattern.empty()) {
    const size_t found = text.find(pattern);
    if (found == std::string_view::npos) break;
    if (!to.write(text.substr(0, found)) || !to.write(content)) return false;
    text.remove_prefix(found + pattern.size());
  }
  return to.write(text);
}

std::string_view stripped(std::string_view text, const DecoderStep& step) {
  if (step.content.empty()) return text;
  for (uint32_t i = 0; i < step.start && text.starts_with(step.content); ++i) {
    text.remove_prefix(step.content.size());
  }
  for (uint32_t i = 0; i < step.stop && text.ends_with(step.content); ++i) {
    text.remove_suffix(step.content.size());
  }
  return text;
}

bool write_word_piece(std::string_view token, const DecoderStep& step, bool first, TextList& to) {
  if (first) return to.write(token);
  if (token.starts_with(step.pattern)) return to.write(token.substr(step.pattern.size()));
  return to.write(" ") && to.write(token);
}

/// One token of a step that treats each by itself; `first` and `last` in the text.
bool write_token(const DecoderStep& step, std::string_view token, bool first, bool last,
                 TextList& to) {
  switch (step.kind) {
    case DecoderKind::strip:
      return to.write(stripped(token, step));
    case DecoderKind::replace:
      return write_replaced(token, step.pattern, step.content, to);
    case DecoderKind::metaspace:
      return write_replaced(token, step.content, first && step.start > 0 ? "" : " ", to);
    case DecoderKind::word_piece:
      return write_word_piece(token, step, first, to);
    case DecoderKind::end_of_word:
      return write_replaced(token, step.pattern, last ? "" : " ", to);
    case DecoderKind::separate:
      return (first || to.write(step.content)) && to.write(token);
    case DecoderKind::byte_fallback:
    case DecoderKind::fuse:
      break;
  }
  return to.write(token);
}

}  // namespace

bool Decoder::run(DecodeScratch& scratch, bool beginning) const {
  bool fused = false;
  const size_t most_bytes = longest_after_steps(scratch.from.bytes().size() + scratch.from.size());
  for (const DecoderStep& step : steps_) {
    const TextList& from = scratch.from;
    TextList& to = scratch.to;
    to.clear();
    if (step.kind == DecoderKind::byte_fallback) {
      if (!fall_back_to_bytes(from, beginning, to)) return false;
    } else if (step.kind == DecoderKind::fuse) {
      if (!to.add(from.bytes())) return false;
      fused = true;
    } else {
      // The ends of a fused text lie elsewhere if it goes on with another.
      const bool nothing_to_strip = step.kind == DecoderKind::strip && fused && !beginning;
      for (size_t i = 0; i < from.size(); ++i) {
        const bool first = beginning && i == 0;
        const bool last = beginning && i + 1 == from.size();
        const bool written =
            nothing_to_strip ? to.write(from[i]) : write_token(step, from[i], first, last, to);
        if (!written || !to.end()) return false;
      }
    }
    if (to.bytes().size() > most_bytes) return false;
    std::swap(scratch.from, scratch.to);
  }
  return true;
}

}  // namespace linnet
