#include "runtime/ops/xnn_quantize.h"

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
  const size_t columns = y.columns().number();
  rows_ = y.rows();
  return quantizer_.prepare(
      bindings.input_rows(0), columns,
      QuantizedRows(y.type, bindings.output<std::byte>(0), rows_.in(bindings.largest()), columns),
      bindings.threads());
}

Status Quantize::run(const Chunk& chunk) { return quantizer_.run(rows_.in(chunk.extents)); }

}  // namespace linnet
