#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/reference/kernels.h"

namespace linnet::reference {

namespace {

using kernels::FastWeightHead;

/// S [key_dim, value_dim] in double precision.
struct Matrix {
  size_t rows;
  size_t columns;
  std::vector<double> values;

  double& at(size_t k, size_t j) { return values[k * columns + j]; }

  /// (S^T x)_j
  double recall(const float* x, size_t j) {
    double sum = 0;
    for (size_t k = 0; k < rows; ++k) sum += x[k] * at(k, j);
    return sum;
  }
};

/// Of S[k, j]; the normaliser has no value channels and takes j = 0.
double decay(const FastWeightHead& head, size_t t, size_t k, size_t j = 0) {
  switch (head.decay_kind) {
    case DecayKind::none:
      return 1;
    case DecayKind::per_head:
      return head.decay[t][0];
    case DecayKind::per_key_channel:
      return head.decay[t][k];
    case DecayKind::per_value_channel:
      return head.decay[t][j];
  }
  return NAN;
}

/// What a token removes: p = S^T c.
std::vector<double> correction(const FastWeightHead& head, size_t t, Matrix& s) {
  std::vector<double> p(head.value_dim);
  if (head.rule == WriteRule::additive) return p;
  const float* c = head.rule == WriteRule::delta ? head.key[t] : head.correct[t];
  for (size_t j = 0; j < head.value_dim; ++j) p[j] = s.recall(c, j);
  return p;
}

void write(const FastWeightHead& head, size_t t, const std::vector<double>& p, Matrix& s) {
  for (size_t k = 0; k < head.key_dim; ++k) {
    for (size_t j = 0; j < head.value_dim; ++j) {
      const double key = head.key[t][k];
      const double value = head.value[t][j];
      switch (head.rule) {
        case WriteRule::additive:
          s.at(k, j) += key * value;
          break;
        case WriteRule::delta:
          s.at(k, j) += key * (head.beta[t][0] * (value - p[j]));
          break;
        case WriteRule::rank_one:
          s.at(k, j) += head.write[t][k] * p[j] + key * value;
          break;
      }
    }
  }
}

/// o_t = scale S^T q, and what the current token adds by its bonus.
void read(const FastWeightHead& head, size_t t, Matrix& s) {
  double bonus = 0;
  if (head.read == ReadOrder::before_write && head.bonus != nullptr) {
    for (size_t k = 0; k < head.key_dim; ++k) {
      bonus += static_cast<double>(head.query[t][k]) * head.bonus[k] * head.key[t][k];
    }
  }
  const double factor = head.read_factor != nullptr ? head.read_factor[t] : 1;
  for (size_t j = 0; j < head.value_dim; ++j) {
    const double o = head.scale * (s.recall(head.query[t], j) + bonus * head.value[t][j]);
    head.output[t][j] = static_cast<float>(o * factor);
  }
}

void step(const FastWeightHead& head, size_t t, Matrix& s) {
  if (head.read == ReadOrder::before_write) read(head, t, s);
  std::vector<double> p;
  if (head.correct_before_decay) p = correction(head, t, s);
  for (size_t k = 0; k < head.key_dim; ++k) {
    for (size_t j = 0; j < head.value_dim; ++j) s.at(k, j) *= decay(head, t, k, j);
  }
  if (!head.correct_before_decay) p = correction(head, t, s);
  write(head, t, p, s);
  if (head.squash == Squash::tanh) {
    for (double& value : s.values) value = std::tanh(value);
  }
  if (head.read == ReadOrder::after_write) read(head, t, s);
}

}  // namespace

void fast_weight(const FastWeightHead& head) {
  Matrix s = {head.key_dim, head.value_dim, {}};
  for (size_t k = 0; k < head.key_dim; ++k) {
    s.values.insert(s.values.end(), head.state[k], head.state[k] + head.value_dim);
  }
  for (size_t t = 0; t < head.tokens; ++t) step(head, t, s);
  for (size_t t = 0; t < head.tokens && head.read == ReadOrder::after_all; ++t) read(head, t, s);
  for (size_t k = 0; k < head.key_dim; ++k) {
    for (size_t j = 0; j < head.value_dim; ++j) head.state[k][j] = static_cast<float>(s.at(k, j));
  }
}

void fast_weight_normalizer(const FastWeightHead& head, float* z, float epsilon,
                            float query_epsilon, float* factor) {
  std::vector<double> sums(z, z + head.key_dim);
  const auto read_factor = [&](size_t t) {
    double product = 0;
    double query_sum = 0;
    for (size_t k = 0; k < head.key_dim; ++k) {
      product += head.query[t][k] * sums[k];
      query_sum += head.query[t][k];
    }
    product *= head.scale;
    const double divisor = head.floor ? std::max(std::abs(product), double{head.floor[t][0]})
                                      : product + query_epsilon * query_sum;
    return static_cast<float>(1 / (divisor + epsilon));
  };
  const bool reads_last = head.read == ReadOrder::after_all;
  for (size_t t = 0; t < head.tokens; ++t) {
    for (size_t k = 0; k < head.key_dim; ++k) {
      sums[k] = decay(head, t, k) * sums[k] + head.key[t][k];
    }
    if (!reads_last) factor[t] = read_factor(t);
  }
  for (size_t t = 0; t < head.tokens && reads_last; ++t) factor[t] = read_factor(t);
  for (size_t k = 0; k < head.key_dim; ++k) z[k] = static_cast<float>(sums[k]);
}

}  // namespace linnet::reference
