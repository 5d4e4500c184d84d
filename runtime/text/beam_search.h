#pragma once

#include <linnet/linnet.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/base/status.h"

namespace linnet {

struct BeamSearchOptions {
  size_t beams = 1;       ///< hypotheses that go on side by side; 1: the likeliest token always
  size_t max_tokens = 0;  ///< of a hypothesis, its end included
  size_t min_tokens = 0;  ///< it may not end before it has so many, its end included
  float length_penalty = 1;
  linnet_stopping stopping = LINNET_STOPPING_LIKELY;
  uint32_t no_repeat = 0;     ///< no sequence of so many tokens may stand twice; 0: any may
  int32_t start = 0;          ///< what the decoder starts with
  int32_t forced_first = -1;  ///< the first token, or -1
  int32_t forced_last = -1;   ///< the token number max_tokens, or -1
  std::span<const uint32_t> ends = {};        ///< tokens that end a hypothesis
  std::span<const uint32_t> suppressed = {};  ///< tokens that are never taken
};

/// Beam search: keeps the `beams` hypotheses whose logarithmic probabilities are largest, and of
/// all that ended the one with the largest score, which is that probability divided by the number
/// of tokens, the end included, to the power length_penalty. With as many beams as there are texts
/// it finds the best of all. The rules of ties, forced and suppressed tokens and stopping are those
/// of transformers' generate(): of 2 * beams candidates an end counts only among the first `beams`.
class BeamSearch {
 public:
  /// Takes all memory that the search needs, and starts it.
  Status open(size_t vocabulary, const BeamSearchOptions& options);

  /// Hypotheses that want logits now: none when the search is over.
  size_t running() const { return running_; }
  /// The last token of each, and which of the hypotheses before it continues.
  std::span<const int32_t> tokens() const { return {tokens_.data(), running_}; }
  std::span<const uint32_t> parents() const { return {parents_.data(), running_}; }

  /// Continues all of them with logits [running, vocabulary], which it turns into logarithms of
  /// probabilities. Allocates nothing.
  void step(std::span<float> logits);

  /// The best hypothesis of a search that is over, without its start; empty if none was possible.
  std::span<const int32_t> best() const;
  float best_score() const;

 private:
  struct Candidate {
    double score;  ///< sum of logarithms of probabilities
    uint32_t parent;
    int32_t token;
  };
  struct Ended {
    double score;
    size_t count;
    size_t row;  ///< of ended_tokens_
  };

  std::span<int32_t> row(Array<int32_t>& rows, size_t index) const;
  void normalize(std::span<float> logits) const;
  void suppress(size_t hypothesis, std::span<float> scores);
  void suppress_repeats(size_t hypothesis, std::span<float> scores);
  bool force(std::span<float> scores) const;
  void collect(uint32_t parent, double score, std::span<const float> scores);
  void add_candidate(const Candidate& candidate);
  void choose();
  void end(const Candidate& candidate);
  void end_running();
  bool is_end(int32_t token) const;
  double score_of(double sum, size_t count) const;
  bool can_stop() const;

  BeamSearchOptions options_;
  size_t vocabulary_ = 0;
  size_t length_ = 0;  // tokens of every running hypothesis, without its start
  size_t running_ = 0;
  Array<int32_t> tokens_;
  Array<uint32_t> parents_;
  Array<double> scores_;  // of the running hypotheses
  Array<double> next_scores_;
  Array<int32_t> texts_;  // [beams, 1 + max_tokens], starts included
  Array<int32_t> next_texts_;
  Array<Candidate> candidates_;  // of this step, the likeliest first
  size_t candidate_count_ = 0;
  Array<int32_t> ended_texts_;  // [beams, 1 + max_tokens]
  Array<Ended> ended_;          // the best so far
  size_t ended_count_ = 0;
};

}  // namespace linnet
