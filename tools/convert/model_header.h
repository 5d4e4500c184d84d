#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/convert/graph.h"
#include "tools/convert/tokenizers/generation_config.h"
#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::convert {

/// Where a file came from; see schema/linnet.fbs.
struct Metadata {
  std::string name;
  std::string architecture;
  std::string source;
  std::string license;
  std::string source_sha256;
  std::string converter;
  std::string weights;
};

/// All that a file says, but for the values of weights.
struct Model {
  Graph graph;
  Metadata metadata;
  GenerationDefaults generation;
  std::optional<TokenizerTables> tokenizer;
};

/// Where things lie in a file: after the header come the weights in the order of the graph's
/// tensors, then the tokenizer's tables.
struct Layout {
  std::vector<schema::Segment> tensors;  ///< one per tensor; size 0 where it is no weight
  schema::Segment token_offsets, token_bytes, tokens_by_bytes, merge_offsets, merges;
  schema::Segment scores, charsmap_trie, charsmap_text;
  uint64_t file_bytes = 0;
};

inline constexpr uint64_t kSegmentAlignment = 64;
inline constexpr uint64_t kPageBytes = 16384;

/// Lays out a file whose header has `header_bytes`.
Layout lay_out(const Model& model, uint64_t header_bytes);

/// The file's header, a size-prefixed FlatBuffer. Its size doesn't depend on the layout's offsets.
std::vector<uint8_t> make_header(const Model& model, const Layout& layout);

}  // namespace linnet::convert
