#include "runtime/text/bpe.h"

#include <algorithm>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// Up to here looking through all neighbours again after every merge is faster than a heap.
constexpr size_t kShortPiece = 48;

// For a heap with the lowest rank on top, and among equal ranks the leftmost.
bool comes_later(const BpeCandidate& a, const BpeCandidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

}  // namespace

void Bpe::open(const TokenizerData& data) {
  data_ = &data;
  tokens_.open(data, data.tokens_by_bytes);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const size_t index = tokens_.find({&c, 1});
    byte_ids_[byte] = index == SortedTokens::kNone ? -1 : static_cast<int32_t>(tokens_.id(index));
  }
  if (data.byte_fallback) byte_tokens_.open(tokens_);
}

bool Bpe::encode(std::string_view piece, BpeScratch& scratch, List<int32_t>& ids) const {
  if (data_->ignore_merges) {
    const size_t index = tokens_.find(piece);
    if (index != SortedTokens::kNone) return ids.push(static_cast<int32_t>(tokens_.id(index)));
  }
  if (piece.size() == 1 && data_->end_of_word_suffix.empty() &&
      byte_ids_[static_cast<uint8_t>(piece[0])] >= 0) {
    return ids.push(byte_ids_[static_cast<uint8_t>(piece[0])]);
  }
  scratch.symbols.clear();
  if (!split(piece, scratch)) return false;
  return scratch.symbols.size() <= kShortPiece ? merge_short(scratch.symbols, ids)
                                               : merge_long(scratch, ids);
}

bool Bpe::split(std::string_view piece, BpeScratch& scratch) const {
  List<BpeSymbol>& symbols = scratch.symbols;
  const auto push = [&](int32_t id) {
    const auto position = static_cast<uint32_t>(symbols.size());
    return symbols.push({static_cast<uint32_t>(id), position - 1, position + 1});
  };
  const bool bytes = data_->kind == TokenizerKind::byte_level_bpe;
  // An unknown token waits for the next one that is known, which tokens of bytes are not.
  bool unknown_waits = false;
  for (size_t at = 0, size = 1; at < piece.size(); at += size) {
    size = bytes ? 1 : decode_utf8(piece, at).size;
    std::string_view name;
    if (!name_symbol(piece, at, size, scratch.name, name)) return false;
    const int32_t id = find_symbol(name);
    if (id >= 0) {
      if ((unknown_waits && !push(data_->unknown_id)) || !push(id)) return false;
      unknown_waits = false;
    } else if (data_->byte_fallback && byte_tokens_.has_all(name)) {
      for (const char byte : name) {
        if (!push(byte_tokens_.id(byte))) return false;
      }
    } else if (data_->unknown_id >= 0) {
      if (unknown_waits && !data_->fuse_unknown && !push(data_->unknown_id)) return false;
      unknown_waits = true;
    }
  }
  if (unknown_waits && !push(data_->unknown_id)) return false;
  if (!symbols.empty()) symbols.back().next = kNone;
  return true;
}

/// The text of the token for a byte or character, which depends on its place in a word.
bool Bpe::name_symbol(std::string_view piece, size_t begin, size_t size, List<char>& scratch,
                      std::string_view& name) const {
  const std::string_view prefix = begin > 0 ? data_->continuing_prefix : std::string_view();
  const bool ends = begin + size == piece.size();
  const std::string_view suffix = ends ? data_->end_of_word_suffix : std::string_view();
  name = piece.substr(begin, size);
  if (prefix.empty() && suffix.empty()) return true;
  scratch.clear();
  for (const std::string_view part : {prefix, name, suffix}) {
    if (!scratch.append(part.data(), part.size())) return false;
  }
  name = {scratch.data(), scratch.size()};
  return true;
}

int32_t Bpe::find_symbol(std::string_view name) const {
  if (name.size() == 1) return byte_ids_[static_cast<uint8_t>(name[0])];
  const size_t index = tokens_.find(name);
  return index == SortedTokens::kNone ? -1 : static_cast<int32_t>(tokens_.id(index));
}

bool Bpe::merge_short(const List<BpeSymbol>& symbols, List<int32_t>& ids) const {
  uint32_t id[kShortPiece];
  const Merge* merge[kShortPiece];  // of this one with the next
  size_t count = symbols.size();
  for (size_t i = 0; i < count; ++i) id[i] = symbols[i].id;
  for (size_t i = 0; i + 1 < count; ++i) merge[i] = find_merge(id[i], id[i + 1]);
  while (count > 1) {
    size_t best = count;
    for (size_t i = 0; i + 1 < count; ++i) {
      if (merge[i] != nullptr && (best == count || merge[i]->rank < merge[best]->rank)) best = i;
    }
    if (best == count) break;
    id[best] = merge[best]->merged;
    --count;
    std::copy(id + best + 2, id + count + 1, id + best + 1);
    if (best + 1 < count) std::copy(merge + best + 2, merge + count, merge + best + 1);
    if (best > 0) merge[best - 1] = find_merge(id[best - 1], id[best]);
    if (best + 1 < count) merge[best] = find_merge(id[best], id[best + 1]);
  }
  for (size_t i = 0; i < count; ++i) {
    if (!ids.push(static_cast<int32_t>(id[i]))) return false;
  }
  return true;
}

bool Bpe::merge_long(BpeScratch& scratch, List<int32_t>& ids) const {
  List<BpeSymbol>& symbols = scratch.symbols;
  List<BpeCandidate>& heap = scratch.heap;
  heap.clear();
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    if (!push_candidate(scratch, i)) return false;
  }
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const BpeCandidate best = heap.back();
    heap.truncate(heap.size() - 1);
    BpeSymbol& left = symbols[best.position];
    const uint32_t right = left.next;
    if (left.id != best.left || right == kNone || symbols[right].id != best.right) continue;
    left.id = best.merged;
    left.next = symbols[right].next;
    symbols[right].id = kNone;  // no candidate finds it again
    if (left.next != kNone) symbols[left.next].previous = best.position;
    if (!push_candidate(scratch, best.position)) return false;
    if (left.previous != kNone && !push_candidate(scratch, left.previous)) return false;
  }
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) {
    if (!ids.push(static_cast<int32_t>(symbols[i].id))) return false;
  }
  return true;
}

/// Puts the symbol and the next one into the heap if they can be merged.
bool Bpe::push_candidate(BpeScratch& scratch, uint32_t position) const {
  const BpeSymbol& left = scratch.symbols[position];
  if (left.next == kNone) return true;
  const uint32_t right = scratch.symbols[left.next].id;
  const Merge* merge = find_merge(left.id, right);
  if (merge == nullptr) return true;
  if (!scratch.heap.push({merge->rank, position, left.id, right, merge->merged})) return false;
  std::push_heap(scratch.heap.begin(), scratch.heap.end(), comes_later);
  return true;
}

const Merge* Bpe::find_merge(uint32_t left, uint32_t right) const {
  const Merge* begin = data_->merges.data() + data_->merge_offsets[left];
  const Merge* end = data_->merges.data() + data_->merge_offsets[left + 1];
  const Merge* found = std::lower_bound(
      begin, end, right, [](const Merge& merge, uint32_t wanted) { return merge.right < wanted; });
  return found != end && found->right == right ? found : nullptr;
}

}  // namespace linnet
