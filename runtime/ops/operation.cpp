#include "runtime/ops/operation.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace linnet {
namespace {

/// "f32 activation [T, 64]"
struct Description {
  char text[96] = {};

  explicit Description(const char* kind, std::span<const Dimension> shape) {
    size_t used = put(0, "%s [", kind);
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i > 0) used = put(used, "%s", ", ");
      switch (shape[i].kind()) {
        case Dimension::Kind::number:
          used = put(used, "%zu", shape[i].number());
          break;
        case Dimension::Kind::tokens:
          used = put(used, "%s", "T");
          break;
        case Dimension::Kind::logits_rows:
          used = put(used, "%s", "L");
          break;
        case Dimension::Kind::context:
          used = put(used, "%s", "C");
          break;
        case Dimension::Kind::texts:
          used = put(used, "%s", "B");
          break;
        case Dimension::Kind::source:
          used = put(used, "%s", "S");
          break;
      }
    }
    put(used, "%s", "]");
  }

 private:
  template <typename... Arguments>
  size_t put(size_t used, const char* format, Arguments... arguments) {
    const size_t room = sizeof text - used;
    const int wanted = std::snprintf(text + used, room, format, arguments...);
    return wanted < 0 ? used : std::min(used + static_cast<size_t>(wanted), sizeof text - 1);
  }
};

const char* kind_of(const Tensor& tensor) {
  static constexpr const char* names[3][8] = {
      {"f32 weight", "f16 weight", "bf16 weight", "int8 weight", "int4 weight", "int32 weight",
       "weight", "weight"},
      {"f32 state", "f16 state", "bf16 state", "int8 state", "int4 state", "int32 state", "state",
       "state"},
      {"f32 activation", "f16 activation", "bf16 activation", "int8 activation", "int4 activation",
       "int32 activation", "dynamic_int8 activation", "dynamic_int16 activation"}};
  return names[static_cast<size_t>(tensor.storage)][static_cast<size_t>(tensor.type)];
}

bool has_shape(const Tensor& tensor, std::span<const Dimension> shape) {
  return tensor.rank == shape.size() && std::equal(shape.begin(), shape.end(), tensor.shape);
}

}  // namespace

size_t Bindings::stride(const Tensor& tensor) const {
  if (tensor.rank < 2) return 0;
  if (tensor.base >= 0)
    return memory_.graph->tensors[static_cast<size_t>(tensor.base)].columns().number();
  return tensor.columns().number();
}

Status Site::expect_counts(size_t inputs, size_t outputs) const {
  if (operator_.inputs.size() == inputs && operator_.outputs.size() == outputs) return Status::ok();
  return Status::error(LINNET_INVALID_MODEL,
                       "%.*s: has %zu inputs and %zu outputs where %zu and %zu belong",
                       static_cast<int>(operator_.name.size()), operator_.name.data(),
                       operator_.inputs.size(), operator_.outputs.size(), inputs, outputs);
}

Status Site::expect_activation(const Tensor* tensor, const char* role, size_t columns) const {
  if (tensor != nullptr && tensor->storage == Storage::activation &&
      tensor->type == DataType::f32 && tensor->columns() == Dimension(columns)) {
    return Status::ok();
  }
  const Dimension shape[] = {Dimension(Dimension::Kind::tokens), Dimension(columns)};
  return mismatch(tensor, role, Description("f32 activation", shape).text);
}

Status Site::expect_activation(const Tensor* tensor, const char* role, Dimension rows,
                               size_t columns) const {
  const Status status = expect_activation(tensor, role, columns);
  if (status.failed() || tensor->rows() == rows) return status;
  const Dimension shape[] = {rows, Dimension(columns)};
  return mismatch(tensor, role, Description("f32 activation", shape).text);
}

Status Site::expect_weight(const Tensor* tensor, const char* role,
                           std::initializer_list<size_t> shape) const {
  Dimension dimensions[Tensor::max_rank];
  std::transform(shape.begin(), shape.end(), dimensions,
                 [](size_t size) { return Dimension(size); });
  const std::span<const Dimension> expected(dimensions, shape.size());
  if (tensor != nullptr && tensor->storage == Storage::weight && tensor->type == DataType::f32 &&
      tensor->data != nullptr && has_shape(*tensor, expected)) {
    return Status::ok();
  }
  return mismatch(tensor, role, Description("f32 weight", expected).text);
}

Status Site::expect_optional_weight(const Tensor* tensor, const char* role,
                                    std::initializer_list<size_t> shape) const {
  return tensor == nullptr ? Status::ok() : expect_weight(tensor, role, shape);
}

Status Site::expect_state(const Tensor* tensor, const char* role,
                          std::initializer_list<Dimension> shape) const {
  const std::span<const Dimension> expected(std::data(shape), shape.size());
  if (tensor != nullptr && tensor->storage == Storage::state && has_shape(*tensor, expected))
    return Status::ok();
  return mismatch(tensor, role, Description("f32 state", expected).text);
}

Status Site::fail(const char* complaint) const {
  return Status::error(LINNET_INVALID_MODEL, "%.*s: %s", static_cast<int>(operator_.name.size()),
                       operator_.name.data(), complaint);
}

Status Site::mismatch(const Tensor* tensor, const char* role, const char* expected) const {
  const int length = static_cast<int>(operator_.name.size());
  if (tensor == nullptr) {
    return Status::error(LINNET_INVALID_MODEL, "%.*s: its %s is missing; expected %s", length,
                         operator_.name.data(), role, expected);
  }
  const Description found(kind_of(*tensor), {tensor->shape, tensor->rank});
  return Status::error(LINNET_INVALID_MODEL, "%.*s: its %s '%.*s' is %s; expected %s", length,
                       operator_.name.data(), role, static_cast<int>(tensor->name.size()),
                       tensor->name.data(), found.text, expected);
}

}  // namespace linnet
