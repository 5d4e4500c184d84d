#include "runtime/ops/quantize.h"

namespace linnet {

Status Quantize::check(const Site& site) {
  Status status = site.expect_counts(1, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor& y = site.output(0);
  if (!QuantizedRows::has_type(y.type) || y.rank != 2 || y.columns().number() == 0) {
    return site.fail("its output is not dynamic_int8 or dynamic_int16 rows");
  }
  return site.expect_activation(x, "input", y.rows(), y.columns().number());
}

Status Quantize::prepare(const Bindings& bindings) {
  const Tensor& y = bindings.output_tensor(0);
  x_ = bindings.input_rows(0);
  columns_ = y.columns().number();
  y_ = QuantizedRows(y.type, bindings.output<std::byte>(0), y.rows().in(bindings.largest()),
                     columns_);
  prepare_rows(bindings, columns_ * 2);
  return Status::ok();
}

void Quantize::run_rows(const Chunk&, size_t first, size_t count) {
  y_.quantize(x_, columns_, first, count);
}

void Quantize::finish(const Chunk& chunk) {
  const size_t count = rows(chunk);
  if (count > 0) y_.finish(count);
}

}  // namespace linnet
