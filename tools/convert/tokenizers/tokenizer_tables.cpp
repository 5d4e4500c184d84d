#include "tools/convert/tokenizers/tokenizer_tables.h"

#include <algorithm>
#include <limits>
#include <new>
#include <stdexcept>

namespace linnet::convert {
namespace {

/// offsets[i] .. offsets[i + 1] is where the items with key i lie in a list sorted by key.
template <typename Items, typename Key>
std::vector<uint32_t> offsets_by_key(const Items& items, uint32_t keys, Key key) {
  std::vector<uint32_t> offsets(size_t{keys} + 1, 0);
  for (const auto& item : items) ++offsets[key(item) + 1];
  for (uint32_t i = 0; i < keys; ++i) offsets[i + 1] += offsets[i];
  return offsets;
}

/// Gives `to` an element for each of `from`.
template <typename To, typename From, typename Make>
void fill(Array<To>& to, const std::vector<From>& from, Make make) {
  if (!to.allocate(from.size())) throw std::bad_alloc();
  std::transform(from.begin(), from.end(), to.begin(), make);
}

}  // namespace

void TokenizerTables::set_tokens(const std::vector<std::string>& bytes) {
  vocabulary = static_cast<uint32_t>(bytes.size());
  token_offsets.assign(1, 0);
  token_bytes.clear();
  for (const std::string& token : bytes) {
    token_bytes.insert(token_bytes.end(), token.begin(), token.end());
    if (token_bytes.size() > std::numeric_limits<uint32_t>::max()) {
      throw std::runtime_error("the tokens have more than 4 GiB of text");
    }
    token_offsets.push_back(static_cast<uint32_t>(token_bytes.size()));
  }
}

void TokenizerTables::set_findable(const std::vector<uint32_t>& ids) {
  std::vector<std::pair<std::string, uint32_t>> found;
  found.reserve(ids.size());
  for (const uint32_t id : ids) {
    if (std::string bytes = bytes_of(id); !bytes.empty()) found.emplace_back(std::move(bytes), id);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto end = std::unique(found.begin(), found.end(),
                               [](const auto& a, const auto& b) { return a.first == b.first; });
  tokens_by_bytes.clear();
  for (auto i = found.begin(); i != end; ++i) tokens_by_bytes.push_back(i->second);
}

void TokenizerTables::set_merges(std::vector<MergeRule> rules) {
  std::sort(rules.begin(), rules.end(), [](const MergeRule& a, const MergeRule& b) {
    if (a.left != b.left) return a.left < b.left;
    return a.right != b.right ? a.right < b.right : a.rank > b.rank;
  });
  const auto same_pair = [](const MergeRule& a, const MergeRule& b) {
    return a.left == b.left && a.right == b.right;
  };
  rules.erase(std::unique(rules.begin(), rules.end(), same_pair), rules.end());
  merge_offsets =
      offsets_by_key(rules, vocabulary, [](const MergeRule& rule) { return rule.left; });
  merges.clear();
  for (const MergeRule& rule : rules) merges.push_back({rule.right, rule.rank, rule.merged});
}

void TokenizerTables::set_charsmap(const std::vector<uint8_t>& map) {
  if (map.empty()) return;
  const auto word_at = [&](size_t at) {
    return uint32_t{map[at]} | uint32_t{map[at + 1]} << 8 | uint32_t{map[at + 2]} << 16 |
           uint32_t{map[at + 3]} << 24;
  };
  constexpr size_t kWord = sizeof(uint32_t);
  if (map.size() < kWord || word_at(0) % kWord != 0 || word_at(0) > map.size() - kWord) {
    throw std::runtime_error("precompiled_charsmap: its double array does not fit into it");
  }
  const size_t end = kWord + word_at(0);
  for (size_t at = kWord; at < end; at += kWord) charsmap_trie.push_back(word_at(at));
  charsmap_text.assign(map.begin() + static_cast<ptrdiff_t>(end), map.end());
}

std::string TokenizerTables::bytes_of(uint32_t id) const {
  return {token_bytes.begin() + token_offsets.at(id),
          token_bytes.begin() + token_offsets.at(id + 1)};
}

TokenizerData TokenizerTables::view() const {
  TokenizerData data;
  data.kind = kind;
  data.vocabulary = vocabulary;
  data.token_offsets = token_offsets;
  data.token_bytes = token_bytes;
  data.tokens_by_bytes = tokens_by_bytes;
  data.merge_offsets = merge_offsets;
  data.merges = merges;
  data.ignore_merges = ignore_merges;
  data.unknown_id = unknown_id;
  data.fuse_unknown = fuse_unknown;
  data.byte_fallback = byte_fallback;
  data.continuing_prefix = continuing_prefix;
  data.end_of_word_suffix = end_of_word_suffix;
  data.most_word_characters = most_word_characters;
  data.scores = scores;
  data.charsmap_trie = charsmap_trie;
  data.charsmap_text = charsmap_text;
  data.prefix_ids = prefix_ids;
  data.suffix_ids = suffix_ids;
  fill(data.normalizers, normalizers, [](const NormalizerRule& rule) {
    return NormalizerStep{rule.kind, rule.pattern, rule.content};
  });
  fill(data.pre_tokenizers, pre_tokenizers, [](const PreTokenizerRule& rule) {
    return PreTokenizerStep{rule.kind,     rule.pattern, rule.content,
                            rule.behavior, rule.invert,  rule.prepend};
  });
  fill(data.decoders, decoders, [](const DecoderRule& rule) {
    return DecoderStep{rule.kind, rule.pattern, rule.content, rule.start, rule.stop};
  });
  const auto as_it_is = [](const auto& value) { return value; };
  fill(data.added_tokens, added_tokens, as_it_is);
  fill(data.single, single, as_it_is);
  fill(data.pair, pair, as_it_is);
  return data;
}

}  // namespace linnet::convert
