#include "runtime/text/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

namespace linnet {
namespace {

constexpr uint64_t kOne = uint64_t{1} << 40;    // the likeliest token's weight
constexpr uint32_t kMostVocabulary = 1u << 23;  // so that the sum of all weights fits 64 bits
constexpr size_t kSorted = 256;                 // at a time: top_p seldom keeps more
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// 2^-y for y in units of 2^-32, in units of 2^-40, off by less than 2^-28.
uint64_t power_of_half(uint64_t y) {
  // The Taylor series: ln(2)^i / i! in units of 2^-32; signs alternate.
  constexpr uint64_t kTerms[] = {0x100000000, 0xb17217f8, 0x3d7f7bff, 0xe35846c,
                                 0x276556e,   0x576200,   0xa1849,    0xffe6,
                                 0x162c,      0x1b5,      0x1e,       0x2};
  const uint64_t whole = y >> 32;
  const uint64_t fraction = y & 0xFFFFFFFF;
  if (whole >= 40) return 0;
  uint64_t sum = 0;
  for (size_t i = std::size(kTerms); i-- > 0;) sum = kTerms[i] - (sum * fraction >> 32);
  return (sum << 8) >> whole;
}

bool is_at_least(float value, float least) { return value >= least && std::isfinite(value); }

}  // namespace

Status Sampler::open(uint32_t vocabulary, const SamplingOptions& options) {
  if (vocabulary == 0 || vocabulary > kMostVocabulary) {
    return Status::error(LINNET_INVALID_ARGUMENT, "sampling: a vocabulary of %u tokens",
                         vocabulary);
  }
  const bool usable = is_at_least(options.temperature, 0) && is_at_least(options.top_p, 0) &&
                      is_at_least(options.min_p, 0) && is_at_least(options.repetition_penalty, 0) &&
                      options.repetition_penalty > 0;
  if (!usable) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "sampling: temperature %g, top_p %g and min_p %g must not be negative and "
                         "repetition_penalty %g must be positive",
                         static_cast<double>(options.temperature),
                         static_cast<double>(options.top_p), static_cast<double>(options.min_p),
                         static_cast<double>(options.repetition_penalty));
  }
  if (candidates_.size() != vocabulary && !candidates_.allocate(vocabulary)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to sample from %u tokens", vocabulary);
  }
  options_ = options;
  accepted_ = 0;
  random_ = options.seed;
  return Status::ok();
}

void Sampler::accept(int32_t id) { recent_[accepted_++ % kWindow] = id; }

int32_t Sampler::sample(std::span<const float> logits) {
  take(logits);
  penalize();
  const Candidate best = likeliest();
  if (options_.temperature == 0 || best.logit == kImpossible) return best.id;
  weigh(best.logit);
  keep_top_k();
  keep_top_p();
  keep_min_p();
  return draw();
}

void Sampler::take(std::span<const float> logits) {
  for (size_t i = 0; i < candidates_.size(); ++i) {
    const bool possible = i < logits.size() && !std::isnan(logits[i]);
    candidates_[i] = {possible ? logits[i] : kImpossible, static_cast<int32_t>(i), 0};
  }
  kept_ = candidates_.size();
  sorted_ = 0;
}

/// Each token among the recent ones counts once.
void Sampler::penalize() {
  const float penalty = options_.repetition_penalty;
  if (penalty == 1) return;
  const int32_t* begin = recent_;
  const int32_t* end = begin + std::min(accepted_, kWindow);
  for (const int32_t* id = begin; id != end; ++id) {
    const bool outside = *id < 0 || static_cast<size_t>(*id) >= candidates_.size();
    if (outside || std::find(begin, id, *id) != id) continue;
    float& logit = candidates_[static_cast<size_t>(*id)].logit;
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

const Sampler::Candidate& Sampler::likeliest() const {
  return *std::min_element(candidates_.begin(), candidates_.end(), comes_before);
}

void Sampler::weigh(float highest) {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kUnit = 4294967296.0;
  const double factor = kLog2E * kUnit / static_cast<double>(options_.temperature);
  for (Candidate& candidate : candidates_) {
    const double y = static_cast<double>(highest - candidate.logit) * factor;
    if (candidate.logit == highest) {
      candidate.weight = kOne;
    } else {
      candidate.weight = y < 40 * kUnit ? power_of_half(static_cast<uint64_t>(y)) : 0;
    }
  }
}

/// Brings the `count` likeliest of those kept to the front, in order. The others are a heap, from
/// the last one kept on backwards, so that what it gives out comes to lie where the order ends.
void Sampler::sort_to(size_t count) {
  const auto top = std::make_reverse_iterator(candidates_.begin() + kept_);
  const auto less_likely = [](const Candidate& a, const Candidate& b) {
    return comes_before(b, a);
  };
  if (sorted_ == 0)
    std::make_heap(top, std::make_reverse_iterator(candidates_.begin()), less_likely);
  for (; sorted_ < count; ++sorted_)
    std::pop_heap(top, std::make_reverse_iterator(candidates_.begin() + sorted_), less_likely);
}

void Sampler::keep_top_k() {
  if (options_.top_k == 0 || options_.top_k >= kept_) return;
  sort_to(options_.top_k);
  kept_ = options_.top_k;
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1) return;
  const double wanted = static_cast<double>(options_.top_p) * static_cast<double>(kept_weight());
  uint64_t sum = 0;
  for (size_t i = 0; i < kept_; ++i) {
    if (i == sorted_) sort_to(std::min(kept_, sorted_ + kSorted));
    sum += candidates_[i].weight;
    if (static_cast<double>(sum) >= wanted) kept_ = i + 1;
  }
}

void Sampler::keep_min_p() {
  if (options_.min_p <= 0) return;
  const double least =
      std::min(1.0, static_cast<double>(options_.min_p)) * static_cast<double>(kOne);
  Candidate* end =
      std::remove_if(candidates_.begin(), candidates_.begin() + kept_,
                     [&](const Candidate& c) { return static_cast<double>(c.weight) < least; });
  kept_ = static_cast<size_t>(end - candidates_.begin());
}

uint64_t Sampler::kept_weight() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kept_; ++i) sum += candidates_[i].weight;
  return sum;
}

int32_t Sampler::draw() {
  uint64_t left = random_below(kept_weight());
  for (size_t i = 0; i + 1 < kept_; ++i) {
    if (left < candidates_[i].weight) return candidates_[i].id;
    left -= candidates_[i].weight;
  }
  return candidates_[kept_ - 1].id;
}

/// Every number below `bound`, which is not 0, is equally likely. SplitMix64 (Steele, Lea and
/// Flood, 2014); numbers that are too large are drawn again.
uint64_t Sampler::random_below(uint64_t bound) {
  const uint64_t mask = std::bit_ceil(bound) - 1;
  for (;;) {
    random_ += 0x9E3779B97F4A7C15;
    uint64_t z = random_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    if ((z & mask) < bound) return z & mask;
  }
}

}  // namespace linnet
