#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"

namespace linnet::test {

/// A reference checkpoint, converted and opened, with the reference's inputs and outputs.
class GoldenModel {
 public:
  /// `folder` is below tests/, such as "golden/hf/qwen3_5_text"; `weights` as for linnet convert.
  GoldenModel(const std::string& folder, const std::string& weights);

  const Model& model() const { return model_; }
  const linnet_model* handle() const { return model_.get(); }
  const std::string& path() const { return path_; }
  size_t vocabulary() const { return vocabulary_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  const std::vector<float>& logits() const { return logits_; }  ///< [tokens, vocabulary]
  /// Continues the first 16 tokens; an encoder has none.
  const std::vector<int32_t>& greedy() const { return greedy_; }

  /// Logits of every token, run in chunks of `chunk`.
  std::vector<float> run(uint32_t chunk, uint32_t threads = 1, uint32_t context = 0) const;

  /// What the model itself continues the first 16 tokens with, the likeliest token each time.
  std::vector<int32_t> continue_greedily(uint32_t chunk) const;

 private:
  TempFolder folder_;
  std::string path_;
  Model model_;
  size_t vocabulary_ = 0;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
  std::vector<int32_t> greedy_;
};

}  // namespace linnet::test
