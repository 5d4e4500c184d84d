#include "runtime/ops/xnn_linear.h"

namespace linnet {

Status Linear::check(const Site& site) {
  Status status = site.expect_counts(3, 1);
  if (status.failed()) return status;
  const Tensor* x = site.input(0);
  const Tensor* weight = site.input(1);
  if (x == nullptr || weight == nullptr || x->storage != Storage::activation || x->rank != 2 ||
      weight->storage != Storage::weight || weight->rank != 2) {
    return site.fail("needs an activation and a matrix");
  }
  const size_t outputs = weight->shape[0].number();
  const size_t inputs = weight->shape[1].number();
  if (inputs == 0 || outputs == 0) return site.fail("has an empty matrix");
  status = MatrixProduct::check(site, weight, "matrix", outputs, inputs);
  if (!status.failed()) status = MatrixProduct::check_input(site, x, weight->type, inputs);
  if (status.failed()) return status;
  status = site.expect_optional_weight(site.input(2), "bias", {outputs});
  if (status.failed()) return status;
  return site.expect_activation(&site.output(0), "output", x->rows(), outputs);
}

Status Linear::prepare(const Bindings& bindings) {
  const Tensor& x = bindings.input_tensor(0);
  rows_ = x.rows();
  if (QuantizedRows::has_type(x.type)) {
    quantized_x_ = QuantizedRows(x.type, bindings.input<std::byte>(0), rows_.in(bindings.largest()),
                                 x.columns().number());
  } else {
    x_ = bindings.input<const float>(0);
  }
  y_ = bindings.output_rows(0);
  const auto& attributes = *std::get_if<LinearAttributes>(&bindings.op().attributes);
  return product_.prepare(bindings, MatrixPlace::of(bindings.op(), 0), attributes.activation,
                          bindings.stride(x), y_.stride);
}

Status Linear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  return x_ != nullptr ? product_.run(rows, x_, y_.data)
                       : product_.run(rows, quantized_x_, y_.data);
}

void Linear::run_panels(const Chunk& chunk, size_t first, size_t count) const {
  const size_t rows = rows_.in(chunk.extents);
  if (rows == 0) return;
  if (x_ != nullptr) {
    product_.run_panels(rows, x_, first, count, y_);
  } else {
    product_.run_panels(rows, quantized_x_, first, count, y_);
  }
}

}  // namespace linnet
