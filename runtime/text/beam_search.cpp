#include "runtime/text/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace linnet {
namespace {

constexpr float impossible = -std::numeric_limits<float>::infinity();
constexpr size_t most_beams = 1024;
constexpr size_t most_tokens = size_t{1} << 20;

Status check(size_t vocabulary, const BeamSearchOptions& options) {
  if (options.beams == 0 || options.beams > most_beams || options.max_tokens == 0 ||
      options.max_tokens > most_tokens) {
    return Status::error(
        LINNET_INVALID_ARGUMENT,
        "a search of %zu beams and %zu tokens: from 1 to %zu and from 1 to %zu are "
        "possible",
        options.beams, options.max_tokens, most_beams, most_tokens);
  }
  if (!std::isfinite(options.length_penalty)) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the length penalty is not a number");
  }
  const auto is_token = [&](int32_t token) {
    return token >= 0 && static_cast<size_t>(token) < vocabulary;
  };
  for (const int32_t forced : {options.forced_first, options.forced_last}) {
    if (forced == -1 || is_token(forced)) continue;
    return Status::error(LINNET_INVALID_ARGUMENT, "the forced token %d is not one of the %zu",
                         forced, vocabulary);
  }
  return Status::ok();
}

}  // namespace

Status BeamSearch::open(size_t vocabulary, const BeamSearchOptions& options) {
  const Status status = check(vocabulary, options);
  if (status.failed()) return status;
  options_ = options;
  vocabulary_ = vocabulary;
  const size_t beams = options.beams;
  const size_t texts = beams * (1 + options.max_tokens);
  if (!tokens_.allocate(beams) || !parents_.allocate(beams) || !scores_.allocate(beams) ||
      !next_scores_.allocate(beams) || !texts_.allocate(texts) || !next_texts_.allocate(texts) ||
      !candidates_.allocate(2 * beams) || !ended_texts_.allocate(texts) ||
      !ended_.allocate(beams)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a search of %zu beams of %zu tokens",
                         beams, options.max_tokens);
  }
  length_ = 0;
  ended_count_ = 0;
  running_ = 1;
  tokens_[0] = options.start;
  texts_[0] = options.start;
  return Status::ok();
}

void BeamSearch::step(std::span<float> logits) {
  candidate_count_ = 0;
  for (size_t i = 0; i < running_; ++i) {
    const auto scores = logits.subspan(i * vocabulary_, vocabulary_);
    normalize(scores);
    if (!force(scores)) suppress(i, scores);
    collect(static_cast<uint32_t>(i), scores_[i], scores);
  }
  choose();
  ++length_;
  if (length_ == options_.max_tokens) end_running();
  if (can_stop()) running_ = 0;
}

std::span<const int32_t> BeamSearch::best() const {
  if (ended_count_ == 0) return {};
  const auto* best =
      std::max_element(ended_.begin(), ended_.begin() + ended_count_,
                       [](const Ended& a, const Ended& b) { return a.score < b.score; });
  return {ended_texts_.data() + best->row * (1 + options_.max_tokens) + 1, best->count};
}

float BeamSearch::best_score() const {
  double best = static_cast<double>(impossible);
  for (size_t i = 0; i < ended_count_; ++i) best = std::max(best, ended_[i].score);
  return static_cast<float>(best);
}

std::span<int32_t> BeamSearch::row(Array<int32_t>& rows, size_t index) const {
  const size_t width = 1 + options_.max_tokens;
  return rows.span().subspan(index * width, width);
}

/// Logits to logarithms of probabilities; what is not a number is impossible.
void BeamSearch::normalize(std::span<float> logits) const {
  float highest = impossible;
  for (float& logit : logits) {
    if (std::isnan(logit)) logit = impossible;
    highest = std::max(highest, logit);
  }
  if (!std::isfinite(highest)) return;
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - highest));
  const float logarithm = highest + static_cast<float>(std::log(sum));
  for (float& logit : logits) logit -= logarithm;
}

/// Leaves one token only, where one is forced here.
bool BeamSearch::force(std::span<float> scores) const {
  int32_t forced = length_ == 0 ? options_.forced_first : -1;
  if (length_ + 1 == options_.max_tokens && options_.forced_last >= 0) {
    forced = options_.forced_last;
  }
  if (forced < 0) return false;
  std::fill(scores.begin(), scores.end(), impossible);
  scores[static_cast<size_t>(forced)] = 0;
  return true;
}

void BeamSearch::suppress(size_t hypothesis, std::span<float> scores) {
  const auto forbid = [&](std::span<const uint32_t> tokens) {
    for (const uint32_t token : tokens) {
      if (token < vocabulary_) scores[token] = impossible;
    }
  };
  forbid(options_.suppressed);
  if (length_ + 1 < options_.min_tokens) forbid(options_.ends);
  if (options_.no_repeat > 0) suppress_repeats(hypothesis, scores);
}

/// Forbids what followed an earlier place in the text that reads as its end does.
void BeamSearch::suppress_repeats(size_t hypothesis, std::span<float> scores) {
  const std::span<const int32_t> text = row(texts_, hypothesis).first(1 + length_);
  const size_t before = options_.no_repeat - 1;
  if (text.size() <= before) return;
  const auto end = text.last(before);
  for (size_t i = 0; i + before < text.size(); ++i) {
    const auto there = text.subspan(i, before);
    if (std::equal(end.begin(), end.end(), there.begin())) {
      scores[static_cast<size_t>(text[i + before])] = impossible;
    }
  }
}

void BeamSearch::collect(uint32_t parent, double score, std::span<const float> scores) {
  for (size_t token = 0; token < scores.size(); ++token) {
    if (scores[token] == impossible) continue;
    add_candidate(
        {score + static_cast<double>(scores[token]), parent, static_cast<int32_t>(token)});
  }
}

/// Keeps the candidates sorted; of equals the first stays first.
void BeamSearch::add_candidate(const Candidate& candidate) {
  const size_t capacity = options_.beams == 1 ? 1 : 2 * options_.beams;
  if (candidate_count_ == capacity) {
    if (candidate.score <= candidates_[capacity - 1].score) return;
    --candidate_count_;
  }
  size_t at = candidate_count_++;
  for (; at > 0 && candidates_[at - 1].score < candidate.score; --at) {
    candidates_[at] = candidates_[at - 1];
  }
  candidates_[at] = candidate;
}

/// The candidates that go on, and those that end.
void BeamSearch::choose() {
  size_t chosen = 0;
  for (size_t rank = 0; rank < candidate_count_ && chosen < options_.beams; ++rank) {
    const Candidate& candidate = candidates_[rank];
    if (is_end(candidate.token)) {
      if (rank < options_.beams) end(candidate);
      continue;
    }
    const auto from = row(texts_, candidate.parent);
    const auto to = row(next_texts_, chosen);
    std::copy_n(from.begin(), 1 + length_, to.begin());
    to[1 + length_] = candidate.token;
    tokens_[chosen] = candidate.token;
    parents_[chosen] = candidate.parent;
    next_scores_[chosen] = candidate.score;
    ++chosen;
  }
  std::swap(texts_, next_texts_);
  std::swap(scores_, next_scores_);
  running_ = chosen;
}

/// Keeps a hypothesis that ends with this candidate, if it is among the best.
void BeamSearch::end(const Candidate& candidate) {
  const size_t count = length_ + 1;
  Ended ended = {score_of(candidate.score, count), count, ended_count_};
  size_t index = ended_count_;
  if (ended_count_ == options_.beams) {
    const auto* worst =
        std::min_element(ended_.begin(), ended_.end(),
                         [](const Ended& a, const Ended& b) { return a.score < b.score; });
    if (worst->score >= ended.score) return;
    index = static_cast<size_t>(worst - ended_.begin());
    ended.row = worst->row;
  } else {
    ++ended_count_;
  }
  ended_[index] = ended;
  const auto from = row(texts_, candidate.parent);
  const auto to = row(ended_texts_, ended.row);
  std::copy_n(from.begin(), count, to.begin());
  to[count] = candidate.token;
}

/// At max_tokens what still runs ends as it is: its last token is its text's already.
void BeamSearch::end_running() {
  --length_;
  for (size_t i = 0; i < running_; ++i) {
    end({scores_[i], static_cast<uint32_t>(i), tokens_[i]});
  }
  ++length_;
  running_ = 0;
}

bool BeamSearch::is_end(int32_t token) const {
  return std::find(options_.ends.begin(), options_.ends.end(), static_cast<uint32_t>(token)) !=
         options_.ends.end();
}

double BeamSearch::score_of(double sum, size_t count) const {
  return sum / std::pow(static_cast<double>(count), static_cast<double>(options_.length_penalty));
}

/// Whether no running hypothesis is expected to beat the worst of `beams` that ended.
bool BeamSearch::can_stop() const {
  if (running_ == 0) return true;
  if (ended_count_ < options_.beams) return false;
  if (options_.stopping == LINNET_STOPPING_FIRST || options_.beams == 1) return true;
  const bool longer_is_better =
      options_.stopping == LINNET_STOPPING_EXACT && options_.length_penalty > 0;
  const double attainable = score_of(scores_[0], longer_is_better ? options_.max_tokens : length_);
  for (size_t i = 0; i < ended_count_; ++i) {
    if (ended_[i].score < attainable) return false;
  }
  return true;
}

}  // namespace linnet
