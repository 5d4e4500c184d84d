#include "runtime/ops/dpfp.h"

#include "runtime/kernels/features.h"
#include "runtime/ops/parallel.h"

namespace linnet {

Status Dpfp::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const auto& dpfp = site.attributes<DpfpAttributes>();
  const Tensor* x = site.input(0);
  const Tensor& y = site.output(0);
  const size_t columns = x != nullptr && x->columns().is_number() ? x->columns().number() : 0;
  if (dpfp.heads == 0 || columns == 0 || columns % dpfp.heads != 0) {
    return site.fail("has heads that do not divide its columns");
  }
  // Divided rather than multiplied, so that no number of a hostile file overflows.
  const size_t outputs = y.columns().is_number() ? y.columns().number() : 0;
  if (dpfp.rolls == 0 || outputs % (2 * columns) != 0 || outputs / (2 * columns) != dpfp.rolls) {
    return site.fail("has an output without 2 columns for each roll of each of its input's");
  }
  status = site.expect_activation(x, "input", y.rows(), columns);
  return status.failed() ? status : site.expect_activation(&y, "output", outputs);
}

Status Dpfp::prepare(const Bindings& bindings) {
  attributes_ = *std::get_if<DpfpAttributes>(&bindings.op().attributes);
  rows_ = bindings.output_tensor(0).rows();
  width_ = bindings.input_tensor(0).columns().number() / attributes_.heads;
  x_ = bindings.input_rows(0);
  y_ = bindings.output_rows(0);
  threads_ = bindings.threads();
  return Status::ok();
}

Status Dpfp::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  const size_t outputs = 2 * width_ * attributes_.rolls;
  parallel_for(threads_, rows, rows * attributes_.heads * outputs, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      for (size_t head = 0; head < attributes_.heads; ++head) {
        kernels::dpfp(x_[row] + head * width_, width_, attributes_.rolls, y_[row] + head * outputs);
      }
    }
  });
  return Status::ok();
}

}  // namespace linnet
