#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"

namespace linnet {

/// Which points of its stream a session keeps a snapshot of. The snapshots themselves lie in slots
/// of equal size; this is what knows the position of each. When all slots are taken, the snapshot
/// goes whose neighbours are closest together measured by its age, but never the first one: the
/// spacing grows with age, so that going back `n` tokens costs a replay of some share of n, however
/// long the stream has become.
class Checkpoints {
 public:
  struct Entry {
    uint64_t position = 0;
    size_t slot = 0;
  };

  /// False when memory for `slots` entries is not to be had.
  [[nodiscard]] bool open(size_t slots);

  size_t capacity() const { return entries_.size(); }
  size_t size() const { return size_; }

  /// The slot for a snapshot at `position`, which is not before the last one. There is at least one
  /// slot.
  size_t add(uint64_t position);

  /// The last snapshot at or before `position`; null: there is none.
  const Entry* latest(uint64_t position) const;

  /// Forgets the snapshots beyond `position`.
  void drop_after(uint64_t position);
  void clear() { size_ = 0; }

  /// Becomes what `other`, of the same capacity, is.
  void copy(const Checkpoints& other);

 private:
  size_t most_dispensable(uint64_t now) const;
  void drop(size_t index);

  Array<Entry> entries_;  // the first size_ in order of position; the rest name the free slots
  size_t size_ = 0;
};

}  // namespace linnet
