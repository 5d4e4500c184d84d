#pragma once

#include <cstddef>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// Normalises every group of columns of x [rows, groups * width] by itself (see NormKind in
/// schema/linnet.fbs), then multiplies by weight and adds bias. Either may be null. Weight and bias
/// hold `width` values shared by the groups or, with `per_group`, groups * width. In place is
/// allowed.
struct NormArguments {
  size_t rows = 0;
  size_t groups = 1;
  size_t width = 0;
  ConstRows x;
  MutableRows y;
  const float* weight = nullptr;
  const float* bias = nullptr;
  bool per_group = false;
  NormKind kind = NormKind::layer;
  float epsilon = 0;
};

void norm(const NormArguments& arguments);

}  // namespace linnet::kernels
