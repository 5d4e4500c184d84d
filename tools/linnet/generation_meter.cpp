#include "tools/linnet/generation_meter.h"

#include <algorithm>

namespace linnet::cli {

GenerationMeter::GenerationMeter(size_t prompt_tokens, size_t max_tokens, bool watch_memory)
    : prompt_tokens_(prompt_tokens),
      max_tokens_(max_tokens),
      watch_memory_(watch_memory),
      begin_(Clock::now()) {}

void GenerationMeter::advance(uint64_t tokens_in) {
  if (tokens_in < prompt_tokens_) return;
  const uint64_t tokens = tokens_in - prompt_tokens_;
  if (mark_count_ != 0 && tokens == last_.tokens) return;
  last_ = {tokens, Clock::now()};
  const bool due = tokens * intervals >= mark_count_ * max_tokens_;
  if (!due || mark_count_ == marks_.size()) return;
  marks_[mark_count_++] = last_;
  look_at_memory();
}

void GenerationMeter::finish() {
  if (!watch_memory_) return;
  look_at_memory();
  memory_at_end_ = process_memory();
}

void GenerationMeter::look_at_memory() {
  if (!watch_memory_) return;
  const auto now = process_memory();
  if (!memory_at_start_) memory_at_start_ = now;
  if (!memory_at_most_) memory_at_most_ = now;
  if (!now) return;
  memory_at_most_->resident_bytes = std::max(memory_at_most_->resident_bytes, now->resident_bytes);
  memory_at_most_->private_bytes = std::max(memory_at_most_->private_bytes, now->private_bytes);
}

std::optional<double> GenerationMeter::speed_between(const Mark& from, const Mark& to) {
  const double seconds = std::chrono::duration<double>(to.time - from.time).count();
  if (to.tokens <= from.tokens || seconds <= 0) return std::nullopt;
  return static_cast<double>(to.tokens - from.tokens) / seconds;
}

std::optional<double> GenerationMeter::prompt_speed() const {
  if (mark_count_ == 0) return std::nullopt;
  return speed_between({0, begin_}, {prompt_tokens_, marks_[0].time});
}

std::optional<double> GenerationMeter::speed() const {
  return mark_count_ == 0 ? std::nullopt : speed_between(marks_[0], last_);
}

std::optional<double> GenerationMeter::first_tenth_speed() const {
  if (mark_count_ <= 10) return std::nullopt;
  return speed_between(marks_[0], marks_[(mark_count_ - 1) / 10]);
}

std::optional<double> GenerationMeter::last_tenth_speed() const {
  if (mark_count_ <= 10) return std::nullopt;
  const size_t last = mark_count_ - 1;
  return speed_between(marks_[last - last / 10], marks_[last]);
}

}  // namespace linnet::cli
