#pragma once

#include "runtime/ops/operation.h"

namespace linnet {

/// An operator that makes every row of its outputs of the same row of its inputs, and perhaps of
/// some rows before it, so that neighbouring ones may go over a chunk together, block of rows by
/// block of rows, while the rows are in the cache: see exec/passes.h.
class RowOperation : public Operation {
 public:
  /// How many rows of its first input before a row the row is made of as well. Those before the
  /// chunk's first are in the operator's state.
  static size_t rows_before(const Site&) { return 0; }

  /// Rows of the outputs in a chunk.
  size_t rows(const Chunk& chunk) const { return rows_.in(chunk.extents); }
  /// Multiply-adds per row.
  size_t work() const { return work_; }
  /// Bytes of a row of all inputs and outputs together.
  size_t row_bytes() const { return row_bytes_; }

  /// Makes rows [first, first + count) of the outputs. Several threads may make different rows.
  virtual void run_rows(const Chunk& chunk, size_t first, size_t count) = 0;

  /// What is left to do once, on one thread, when all rows are made.
  virtual void finish(const Chunk&) {}

  /// All of a chunk by itself.
  Status run(const Chunk& chunk) final;

 protected:
  void prepare_rows(const Bindings& bindings, size_t work);

 private:
  Dimension rows_;
  size_t work_ = 0;
  size_t row_bytes_ = 0;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
