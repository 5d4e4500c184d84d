#pragma once

#include "runtime/kernels/plain_matrix.h"
#include "runtime/kernels/rows.h"
#include "runtime/ops/operation.h"

namespace linnet {

/// The recurrent part of a long short-term memory (Hochreiter and Schmidhuber 1997). What the input
/// adds to the gates has been multiplied out before, for a whole chunk at once. The texts of a
/// batch step side by side, some at a time, so that the recurrent matrix is read once for all of
/// them.
class Lstm final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  void run_texts(const Chunk& chunk, size_t first, size_t count);
  void start(const float* from, size_t row);
  void finish(size_t row, float* to) const;
  void step(const TextRows* texts, size_t count, size_t token);
  void multiply(size_t rows);
  void move(size_t from, size_t to);

  size_t width_ = 0;
  size_t rows_ = 0;  // texts that step side by side
  pthreadpool_t threads_ = nullptr;
  kernels::ConstRows gates_;
  kernels::HalfMatrix half_;  // one of these two is the recurrent matrix
  kernels::FloatMatrix float_;
  float* state_ = nullptr;  // h and c [2, width]; null: every text starts from zeros
  kernels::MutableRows y_;
  kernels::MutableRows hidden_;     // [rows_, width]
  kernels::MutableRows cells_;      // [rows_, width]
  kernels::MutableRows recurrent_;  // [rows_, 4 * width]
};

}  // namespace linnet
