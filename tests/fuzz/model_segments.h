#pragma once

#include <vector>

#include "schema/linnet_objects_generated.h"

namespace linnet::fuzz {

/// The segments of a model's weights, plain and packed, that have bytes in the file.
inline std::vector<objects::Segment*> weight_segments(objects::ModelT& model) {
  std::vector<objects::Segment*> all;
  for (const auto& tensor : model.tensors) all.push_back(tensor->data.get());
  for (const auto& section : model.packed) {
    for (const auto& matrix : section->matrices) all.push_back(matrix->data.get());
  }
  std::erase_if(all, [](const objects::Segment* segment) {
    return segment == nullptr || segment->size() == 0;
  });
  return all;
}

/// The segments of the tokenizer's tables.
inline std::vector<objects::Segment*> tokenizer_segments(objects::ModelT& model) {
  if (model.tokenizer == nullptr) return {};
  objects::TokenizerT& from = *model.tokenizer;
  std::vector<objects::Segment*> all = {from.token_offsets.get(),   from.token_bytes.get(),
                                        from.tokens_by_bytes.get(), from.merge_offsets.get(),
                                        from.merges.get(),          from.scores.get(),
                                        from.charsmap_trie.get(),   from.charsmap_text.get()};
  std::erase(all, nullptr);
  return all;
}

}  // namespace linnet::fuzz
