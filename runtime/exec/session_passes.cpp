#include <algorithm>

#include "runtime/exec/operator_table.h"
#include "runtime/exec/session.h"
#include "runtime/ops/parallel.h"
#include "runtime/ops/row_operation.h"

namespace linnet {
namespace {

/// Rows of all tensors of a pass that are worked on together: they fit the second cache of small
/// cores, beside weights.
constexpr size_t block_bytes = 192 << 10;

}  // namespace

RowOperation& Session::row_operation(size_t index) const {
  return *static_cast<RowOperation*>(operations_[index]);
}

/// Operator `index` for rows [first, end) of a share, without those that wait.
void Session::run_block(size_t index, const Chunk& chunk, size_t share, size_t first,
                        size_t end) const {
  // The rows before the chunk's first are in states: nothing waits there.
  const size_t begin = share == 0 ? first : std::max(first, share + plan_.passes[index].lag);
  if (begin < end) row_operation(index).run_rows(chunk, begin, end - begin);
}

void Session::run_row_pass(size_t pass_first, size_t pass_end, const Chunk& chunk) const {
  const size_t rows = row_operation(pass_first).rows(chunk);
  const size_t lag = plan_.passes[pass_end - 1].lag;
  size_t work = 0;
  size_t row_bytes = 1;
  for (size_t i = pass_first; i < pass_end; ++i) {
    work += row_operation(i).work();
    row_bytes += row_operation(i).row_bytes();
  }
  // A share is longer than what waits at its start, so that this is made of rows that do not.
  const size_t share = std::max(parallel_tile(threads_, rows, rows * work), 2 * lag);
  const size_t block = std::clamp<size_t>(block_bytes / row_bytes, 1, share);
  parallel_tiles(threads_, rows, share, [&](size_t first, size_t count) {
    const size_t end = first + count;
    for (size_t begin = first; begin < end; begin += block) {
      for (size_t i = pass_first; i < pass_end; ++i)
        run_block(i, chunk, first, begin, std::min(begin + block, end));
    }
  });
  for (size_t first = share; lag > 0 && first < rows; first += share) {
    for (size_t i = pass_first; i < pass_end; ++i) {
      const size_t count = std::min(plan_.passes[i].lag, rows - first);
      if (count > 0) row_operation(i).run_rows(chunk, first, count);
    }
  }
  for (size_t i = pass_first; i < pass_end; ++i) row_operation(i).finish(chunk);
}

Linear& Session::product(size_t index) const { return *static_cast<Linear*>(operations_[index]); }

void Session::run_products(size_t pass_first, size_t pass_end, const Chunk& chunk) const {
  size_t panels = 0;
  size_t work = 0;
  for (size_t i = pass_first; i < pass_end; ++i) {
    panels += product(i).panels();
    work += product(i).work(chunk);
  }
  const size_t share =
      work < matrix_parallel_threshold ? panels : parallel_tile(threads_, panels, work);
  parallel_tiles(threads_, panels, share, [&](size_t first, size_t count) {
    size_t begin = 0;  // of a product's panels among all
    for (size_t i = pass_first; i < pass_end; ++i) {
      const size_t end = begin + product(i).panels();
      const size_t from = std::max(first, begin);
      const size_t to = std::min(first + count, end);
      if (from < to) product(i).run_panels(chunk, from - begin, to - from);
      begin = end;
    }
  });
}

}  // namespace linnet
