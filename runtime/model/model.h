#pragma once

#include <linnet/linnet.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "platforms/platform.h"
#include "runtime/base/array.h"
#include "runtime/base/memory.h"
#include "runtime/base/status.h"
#include "runtime/model/classifier.h"
#include "runtime/model/graph.h"
#include "runtime/model/packed_weights.h"
#include "runtime/model/tokenizer_data.h"

namespace linnet {

/// Defaults for what an encoder-decoder writes; see schema/linnet.fbs.
struct SearchDefaults {
  int32_t start_id = -1;
  int32_t forced_first_id = -1;
  int32_t forced_last_id = -1;
  std::span<const uint32_t> suppressed_ids;
  uint32_t beams = 1;
  float length_penalty = 1;
  linnet_stopping stopping = LINNET_STOPPING_LIKELY;
  uint32_t max_tokens = 0;
  uint32_t min_tokens = 0;
  uint32_t no_repeat = 0;
};

/// Text generation defaults of a model file.
struct Generation {
  std::span<const uint32_t> end_ids;
  float temperature = 0;
  uint32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
  uint32_t context = 0;
  SearchDefaults search;
};

/// What a model file says of itself. Strings lie in the mapped file and are terminated.
struct Metadata {
  const char* name = "";
  const char* architecture = "";
  const char* source = "";
  const char* license = "";
  const char* weights = "";
};

/// An opened model: the mapped file, its graph and its matrices packed for this machine. Immutable
/// once packed; shared by sessions and threads.
class Model : public FromAllocator {
 public:
  /// Verifies the file itself: every offset, index and type; nothing of it is trusted. That the
  /// operators' shapes fit each other is for exec/verify.h to check, before pack.
  static Status open(platform::FileMapping mapping, std::unique_ptr<Model>* out);

  /// The same for bytes that the caller keeps alive.
  static Status borrow(const std::byte* bytes, size_t size, std::unique_ptr<Model>* out);

  /// Finds the matrices laid out for this machine in the file, or lays them out.
  Status pack(const linnet_model_options& options);

  const Graph& graph() const { return graph_; }
  const Metadata& metadata() const { return metadata_; }
  const Generation& generation() const { return generation_; }
  /// Without labels where the model is none.
  const Classifier& classifier() const { return classifier_; }
  const TokenizerData* tokenizer() const { return has_tokenizer_ ? &tokenizer_ : nullptr; }
  const PackedWeights& packed_weights() const { return packed_weights_; }
  size_t file_bytes() const { return size_; }

  /// Identifies the weights and graph: a saved state fits only the model with the same number.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  Status load();

  platform::FileMapping mapping_;
  const std::byte* bytes_ = nullptr;
  size_t size_ = 0;
  uint64_t fingerprint_ = 0;
  Graph graph_;
  Metadata metadata_;
  Generation generation_;
  Classifier classifier_;
  TokenizerData tokenizer_;
  bool has_tokenizer_ = false;
  Array<StoredSection> stored_sections_;
  PackedWeights packed_weights_;
};

}  // namespace linnet
