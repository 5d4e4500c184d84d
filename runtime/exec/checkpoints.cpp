#include "runtime/exec/checkpoints.h"

#include <algorithm>

namespace linnet {

bool Checkpoints::open(size_t slots) {
  if (!entries_.allocate(slots)) return false;
  for (size_t i = 0; i < slots; ++i) entries_[i].slot = i;
  return true;
}

size_t Checkpoints::add(uint64_t position) {
  if (size_ > 0 && entries_[size_ - 1].position == position) return entries_[size_ - 1].slot;
  if (size_ == capacity()) drop(most_dispensable(position));
  entries_[size_].position = position;
  return entries_[size_++].slot;
}

const Checkpoints::Entry* Checkpoints::latest(uint64_t position) const {
  size_t count = size_;
  while (count > 0 && entries_[count - 1].position > position) --count;
  return count > 0 ? &entries_[count - 1] : nullptr;
}

void Checkpoints::drop_after(uint64_t position) {
  while (size_ > 0 && entries_[size_ - 1].position > position) --size_;
}

void Checkpoints::copy(const Checkpoints& other) {
  std::copy(other.entries_.begin(), other.entries_.end(), entries_.begin());
  size_ = other.size_;
}

size_t Checkpoints::most_dispensable(uint64_t now) const {
  size_t best = size_ - 1;
  double best_gap = 0;
  for (size_t i = 1; i < size_; ++i) {
    const uint64_t next = i + 1 < size_ ? entries_[i + 1].position : now;
    const auto gap = static_cast<double>(next - entries_[i - 1].position) /
                     static_cast<double>(now - entries_[i].position);
    if (i == 1 || gap < best_gap) {
      best = i;
      best_gap = gap;
    }
  }
  return best;
}

void Checkpoints::drop(size_t index) {
  std::rotate(entries_.begin() + index, entries_.begin() + index + 1, entries_.begin() + size_);
  --size_;
}

}  // namespace linnet
