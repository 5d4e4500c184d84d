#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

/// One step of an elementwise chain: acc = function(acc, operand). The operand is `rows` where
/// given (stride 0: the same row for all), else `scalar`. One value of the operand serves `group`
/// neighbouring columns: column c reads value c / group.
struct ElementwiseStep {
  ElementwiseFunction function = ElementwiseFunction::add;
  ConstRows operand;
  size_t group = 1;
  float scalar = 0;
};

/// y = all steps in turn of x, [rows, width], in one pass: a block of columns goes through every
/// step while it is in registers or L1. y may be x or an operand of the same layout.
void elementwise(size_t rows, size_t width, ConstRows x, std::span<const ElementwiseStep> steps,
                 MutableRows y);

/// x = activation(x) in place, n values.
void activate(Activation activation, float* x, size_t n);

/// y[r, g] = the sum of x[r, g * width .. (g + 1) * width).
void group_sum(size_t rows, size_t groups, size_t width, ConstRows x, MutableRows y);

}  // namespace linnet::kernels
