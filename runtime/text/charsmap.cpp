#include "runtime/text/charsmap.h"

#include <algorithm>
#include <cstring>

#include "runtime/model/tokenizer_data.h"
#include "runtime/text/unicode.h"
#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr size_t kLongestWholeGrapheme = 5;  // bytes

// A unit of the double array, as Darts-clone packs it.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value_of(uint32_t leaf) { return leaf & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & (0x80000000 | 0xFF); }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

}  // namespace

bool Charsmap::append_replaced(std::string_view text, List<char>& out) const {
  for (size_t begin = 0; begin < text.size();) {
    GraphemeBreak boundary;
    size_t end = begin;
    while (end < text.size()) {
      const Utf8Character character = decode_utf8(text, end);
      if (boundary.before(character.code_point)) break;
      end += character.size;
    }
    if (!append_grapheme(text.substr(begin, end - begin), out)) return false;
    begin = end;
  }
  return true;
}

bool Charsmap::append_grapheme(std::string_view grapheme, List<char>& out) const {
  std::string_view to;
  if (grapheme.size() <= kLongestWholeGrapheme && find(grapheme, to)) {
    return out.append(to.data(), to.size());
  }
  for (size_t at = 0; at < grapheme.size();) {
    const std::string_view character = grapheme.substr(at, decode_utf8(grapheme, at).size);
    if (!find(character, to)) to = character;
    if (!out.append(to.data(), to.size())) return false;
    at += character.size();
  }
  return true;
}

/// What the shortest rule that `from` begins with makes of it; false without one.
bool Charsmap::find(std::string_view from, std::string_view& to) const {
  if (trie_.empty()) return false;
  size_t node = offset_of(trie_[0]);
  for (const char c : from) {
    const auto byte = static_cast<uint8_t>(c);
    node ^= byte;
    if (byte == 0 || node >= trie_.size() || label_of(trie_[node]) != byte) return false;
    const uint32_t unit = trie_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= trie_.size() || value_of(trie_[node]) >= replacements_.size()) return false;
    const auto* begin = reinterpret_cast<const char*>(replacements_.data()) + value_of(trie_[node]);
    const size_t most = std::min(replacements_.size() - value_of(trie_[node]), most_step_bytes);
    const void* end = std::memchr(begin, 0, most);
    to = {begin,
          end == nullptr ? most : static_cast<size_t>(static_cast<const char*>(end) - begin)};
    return true;
  }
  return false;
}

}  // namespace linnet
