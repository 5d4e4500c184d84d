#pragma once

#include <cstddef>

#include "runtime/base/kinds.h"
#include "runtime/kernels/rows.h"

namespace linnet::kernels {

// Feature maps of linear attention that need more than one column at a time.

/// y[r, h * outputs + o] = the sum over i of x[r, h * inputs + i] * weight[i, o]: every head goes
/// through the same matrix. weight is [inputs, outputs], dense.
struct HeadLinearArguments {
  size_t rows = 0;
  size_t heads = 0;
  size_t inputs = 0;
  size_t outputs = 0;
  ConstRows x;
  const float* weight = nullptr;
  MutableRows y;
};
void head_linear(const HeadLinearArguments& arguments);

/// FAVOR+'s positive random features of one head (Choromanski et al. 2021, as performer-pytorch
/// computes them): y_i = exp(u_i - n - M) for i < features, where n is half the squared length of
/// what u is the projection of.
///
///     query:  M = max u of the token;   y_i + epsilon, and last epsilon * the sum of the former
///     key:    M is given;               y_i, and last 1
///
/// A key's own epsilon for every feature thus lies in the last row of the fast weights: the product
/// of query and key is the sum of (y_i + epsilon) (e_i + epsilon), however M changes later.
struct SoftmaxFeaturesHead {
  size_t tokens = 0;
  size_t features = 0;   ///< m
  ConstRows projected;   ///< u: [tokens, m]
  ConstRows half_norms;  ///< n: [tokens, 1]
  MutableRows output;    ///< [tokens, m + 1]; may not overlap an input
  FeatureSide side = FeatureSide::query;
  float epsilon = 0;  ///< query only
  float maximum = 0;  ///< M; key only
};
void softmax_features(const SoftmaxFeaturesHead& head);

/// The largest value of [rows, width]; minus infinity if there is none.
float largest(size_t rows, size_t width, ConstRows x);

/// DPFP (Schlag, Irie, Schmidhuber 2021) of one row of one head: with r = (relu(x), relu(-x)),
/// 2 * width values, y[(i - 1) * 2 width + j] = r_j r_{j - i} for i = 1 .. rolls, indices modulo
/// 2 * width. y may not overlap x.
void dpfp(const float* x, size_t width, size_t rolls, float* y);

}  // namespace linnet::kernels
