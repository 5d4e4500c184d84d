#include "runtime/text/unigram.h"

#include <algorithm>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr double kUnknownPenalty = 10;

void offer(UnigramNode& node, double score, size_t begin, int32_t id) {
  if (node.begin == SIZE_MAX || score > node.score) node = {score, begin, id};
}

}  // namespace

void Unigram::open(const TokenizerData& data) {
  data_ = &data;
  tokens_.open(data, data.tokens_by_bytes);
  const auto least = std::min_element(data.scores.begin(), data.scores.end());
  unknown_score_ = (least == data.scores.end() ? 0 : *least) - kUnknownPenalty;
  if (data.byte_fallback) byte_tokens_.open(tokens_);
}

bool Unigram::encode(std::string_view piece, UnigramScratch& scratch, List<int32_t>& ids) const {
  if (!find_best(piece, scratch.nodes)) return false;
  scratch.ends.clear();
  for (size_t end = piece.size(); end > 0; end = scratch.nodes[end].begin) {
    if (!scratch.ends.push(end)) return false;
  }
  size_t unknown_from = SIZE_MAX;
  for (size_t i = scratch.ends.size(); i-- > 0;) {
    const UnigramNode& node = scratch.nodes[scratch.ends[i]];
    if (node.id == data_->unknown_id) {
      unknown_from = std::min(unknown_from, node.begin);
      continue;
    }
    const bool after_unknown = unknown_from != SIZE_MAX;
    if (after_unknown && !add_unknown(piece.substr(unknown_from, node.begin - unknown_from), ids)) {
      return false;
    }
    unknown_from = SIZE_MAX;
    if (!ids.push(node.id)) return false;
  }
  return unknown_from == SIZE_MAX || add_unknown(piece.substr(unknown_from), ids);
}

/// Viterbi's forward pass: nodes[end] for every place where a token may end.
bool Unigram::find_best(std::string_view piece, List<UnigramNode>& nodes) const {
  nodes.clear();
  if (!nodes.append_copies(piece.size() + 1, UnigramNode())) return false;
  for (size_t begin = 0; begin < piece.size();) {
    const double score = nodes[begin].score;
    const size_t character = decode_utf8(piece, begin).size;
    bool character_is_token = false;
    TokenPrefixes prefixes(tokens_, piece.substr(begin));
    for (size_t index = 0; prefixes.next(index);) {
      const auto id = tokens_.id(index);
      const size_t size = tokens_.bytes(index).size();
      offer(nodes[begin + size], score + data_->scores[id], begin, static_cast<int32_t>(id));
      character_is_token |= size == character;
    }
    if (!character_is_token) {
      offer(nodes[begin + character], score + unknown_score_, begin, data_->unknown_id);
    }
    begin += character;
  }
  return true;
}

/// A run without tokens: a token after all if the run is one as a whole, else its bytes' tokens if
/// the model has them, else one unknown token.
bool Unigram::add_unknown(std::string_view run, List<int32_t>& ids) const {
  const size_t index = tokens_.find(run);
  if (index != SortedTokens::kNone) return ids.push(static_cast<int32_t>(tokens_.id(index)));
  if (!data_->byte_fallback || !byte_tokens_.has_all(run)) return ids.push(data_->unknown_id);
  return byte_tokens_.append(run, ids);
}

}  // namespace linnet
