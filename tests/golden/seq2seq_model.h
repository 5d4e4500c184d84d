#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/linnet/diff_language_model.h"

namespace linnet::test {

/// A reference encoder-decoder, converted and opened.
class Seq2SeqModel {
 public:
  /// `folder` is below tests/, such as "golden/hf/bart"; `weights` as for linnet convert.
  Seq2SeqModel(const std::string& folder, const std::string& weights);

  const Model& model() const { return model_; }
  const std::string& path() const { return path_; }
  size_t vocabulary() const { return model_.describe().vocabulary; }
  const std::vector<int32_t>& source() const { return source_; }
  const std::vector<int32_t>& target() const { return target_; }

  /// As linnet diff compares it.
  cli::LanguageModelComparison compare(uint32_t chunk, uint32_t threads) const;

  /// A session of one thread with room for `context` tokens of each hypothesis.
  Session open(uint32_t context, uint32_t beams = 1) const;
  /// Logits of the last of some tokens.
  std::vector<float> run(Session& session, const std::vector<int32_t>& tokens) const;

 private:
  TempFolder folder_;
  std::string path_;
  std::string expected_;
  Model model_;
  std::vector<int32_t> source_;
  std::vector<int32_t> target_;
};

/// Encodes a text for the session's decoder.
void encode(Session& session, const std::vector<int32_t>& source);

}  // namespace linnet::test
