#pragma once

#include <vector>

#include "schema/linnet_generated.h"

namespace linnet::fuzz {

/// The segments of a model's weights, plain and packed, that have bytes in the file.
inline std::vector<schema::Segment*> weight_segments(schema::ModelT& model) {
  std::vector<schema::Segment*> all;
  for (const auto& tensor : model.tensors) all.push_back(tensor->data.get());
  for (const auto& section : model.packed) {
    for (const auto& matrix : section->matrices) all.push_back(matrix->data.get());
  }
  std::erase_if(all, [](const schema::Segment* segment) {
    return segment == nullptr || segment->size() == 0;
  });
  return all;
}

/// The segments of the tokenizer's tables.
inline std::vector<schema::Segment*> tokenizer_segments(schema::ModelT& model) {
  if (model.tokenizer == nullptr) return {};
  schema::TokenizerT& from = *model.tokenizer;
  std::vector<schema::Segment*> all = {from.token_offsets.get(),   from.token_bytes.get(),
                                       from.tokens_by_bytes.get(), from.merge_offsets.get(),
                                       from.merges.get(),          from.scores.get(),
                                       from.charsmap_trie.get(),   from.charsmap_text.get()};
  std::erase(all, nullptr);
  return all;
}

}  // namespace linnet::fuzz
