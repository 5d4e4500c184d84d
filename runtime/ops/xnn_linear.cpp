#include "runtime/ops/xnn_linear.h"

#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/residual.h"
#include "runtime/ops/parallel.h"

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
  const bool is_quantized = weight->type == DataType::int8 || weight->type == DataType::int4;
  if (is_quantized) {
    if (DynamicInt8::pieces(x->type) == 0 || !(x->columns() == Dimension(inputs))) {
      return site.fail(
          "has an int8 or int4 matrix, but an input that is not dynamic_int8 or dynamic_int16 of "
          "as many columns");
    }
  } else if (weight->type == DataType::f32 ||
             (weight->type == DataType::f16 && weight->data != nullptr)) {
    status = site.expect_activation(x, "input", inputs);
    if (status.failed()) return status;
  } else {
    return site.fail("has a matrix of a type that this runtime does not multiply");
  }
  status = site.expect_optional_weight(site.input(2), "bias", {outputs});
  if (status.failed()) return status;
  return site.expect_activation(&site.output(0), "output", x->rows(), outputs);
}

/// The products of both pieces of every row.
size_t Linear::scratch_bytes(const Site& site, const Extents& largest) {
  const Tensor& y = site.output(0);
  const size_t pieces = DynamicInt8::pieces(site.input(0)->type);
  return pieces < 2 ? 0 : pieces * y.rows().in(largest)*y.columns().number() * sizeof(float);
}

Status Linear::prepare(const Bindings& bindings) {
  const Tensor& x = bindings.input_tensor(0);
  rows_ = x.rows();
  columns_ = bindings.input_tensor(1).rows().number();
  pieces_ = DynamicInt8::pieces(x.type);
  bias_ = bindings.input<const float>(2);
  if (pieces_ > 0) {
    quantized_x_ =
        DynamicInt8(bindings.input<std::byte>(0), rows_.in(bindings.largest()) * pieces_);
  } else {
    x_ = bindings.input<const float>(0);
  }
  y_ = bindings.output_rows(0);
  activation_ = std::get_if<LinearAttributes>(&bindings.op().attributes)->activation;
  threads_ = bindings.threads();
  if (pieces_ == 2) piece_products_ = {reinterpret_cast<float*>(bindings.scratch()), columns_};
  return product_.prepare(bindings, MatrixPlace::of(bindings.op(), 0), bindings.stride(x),
                          pieces_ == 2 ? piece_products_.stride : y_.stride);
}

Status Linear::multiply(size_t rows) {
  if (pieces_ == 0) return product_.run(rows, x_, y_.data);
  if (pieces_ == 1) return product_.run(rows, quantized_x_, y_.data);
  const Status status = product_.run(rows * pieces_, quantized_x_, piece_products_.data);
  if (!status.failed()) join_pieces(rows);
  return status;
}

void Linear::join_pieces(size_t rows) {
  parallel_for(threads_, rows, rows * columns_, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      kernels::join_pieces(piece_products_[row], piece_products_[rows + row], bias_, columns_,
                           y_[row]);
    }
  });
}

Status Linear::run(const Chunk& chunk) {
  const size_t rows = rows_.in(chunk.extents);
  const Status status = multiply(rows);
  if (status.failed()) return status;
  if (activation_ != Activation::none) {
    parallel_for(threads_, rows, rows * columns_ * 4, [&](size_t first, size_t count) {
      for (size_t row = first; row < first + count; ++row)
        kernels::activate(activation_, y_[row], columns_);
    });
  }
  return Status::ok();
}

}  // namespace linnet
