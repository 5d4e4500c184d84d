#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/base/status.h"

namespace linnet {

struct SamplingOptions {
  float temperature = 0;         ///< 0: the likeliest token always
  uint32_t top_k = 0;            ///< keep the k likeliest; 0: all
  float top_p = 1;               ///< keep the likeliest that sum to p; 1: all
  float min_p = 0;               ///< keep those at least min_p times as likely as the likeliest
  float repetition_penalty = 1;  ///< on tokens among the last 64; 1: none
  uint64_t seed = 0;
};

/// Draws tokens from logits. In order: the repetition penalty (logits above 0 are divided by it,
/// below 0 multiplied), temperature, top_k, top_p of what top_k leaves, min_p; at least one token
/// is always left. Among equal logits the lowest id comes first. NaN counts as impossible.
///
/// The same seed, options and logits give the same tokens on every machine: probabilities are
/// computed in integers, whose sums don't depend on order, and the generator is SplitMix64.
class Sampler {
 public:
  /// Takes all memory that sampling needs and forgets every token accepted before.
  Status open(uint32_t vocabulary, const SamplingOptions& options);

  /// A token for logits [vocabulary], which must be as many as open was told.
  int32_t sample(std::span<const float> logits);

  /// Tells of a token of the text, of the prompt or sampled: what the repetition penalty looks at.
  void accept(int32_t id);

 private:
  struct Candidate {
    float logit;
    int32_t id;
    uint64_t weight;  // probability relative to the likeliest token's, kOne
  };

  static bool comes_before(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  }

  void take(std::span<const float> logits);
  void penalize();
  const Candidate& likeliest() const;
  void weigh(float highest);
  void sort_to(size_t count);
  void keep_top_k();
  void keep_top_p();
  void keep_min_p();
  uint64_t kept_weight() const;
  int32_t draw();
  uint64_t random_below(uint64_t bound);

  static constexpr size_t kWindow = 64;

  SamplingOptions options_;
  Array<Candidate> candidates_;
  size_t kept_ = 0;    // candidates still possible: the first ones
  size_t sorted_ = 0;  // of those, how many lead the order, sorted
  int32_t recent_[kWindow] = {};
  size_t accepted_ = 0;
  uint64_t random_ = 0;
};

}  // namespace linnet
