#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/reference/kernels.h"

namespace linnet::reference {

void head_linear(const kernels::HeadLinearArguments& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    for (size_t h = 0; h < a.heads; ++h) {
      for (size_t o = 0; o < a.outputs; ++o) {
        double sum = 0;
        for (size_t i = 0; i < a.inputs; ++i) {
          sum += static_cast<double>(a.x[r][h * a.inputs + i]) * a.weight[i * a.outputs + o];
        }
        a.y[r][h * a.outputs + o] = static_cast<float>(sum);
      }
    }
  }
}

void softmax_features(const kernels::SoftmaxFeaturesHead& head) {
  const bool is_query = head.side == FeatureSide::query;
  for (size_t t = 0; t < head.tokens; ++t) {
    const float* u = head.projected[t];
    const double maximum =
        is_query ? double{*std::max_element(u, u + head.features)} : double{head.maximum};
    const double epsilon = is_query ? head.epsilon : 0;
    double sum = 0;
    for (size_t i = 0; i < head.features; ++i) {
      const double feature = std::exp(u[i] - head.half_norms[t][0] - maximum) + epsilon;
      head.output[t][i] = static_cast<float>(feature);
      sum += feature;
    }
    head.output[t][head.features] = is_query ? static_cast<float>(epsilon * sum) : 1.0f;
  }
}

void dpfp(const float* x, size_t width, size_t rolls, float* y) {
  std::vector<double> r(2 * width);
  for (size_t j = 0; j < width; ++j) {
    r[j] = std::max(0.0f, x[j]);
    r[width + j] = std::max(0.0f, -x[j]);
  }
  for (size_t i = 1; i <= rolls; ++i) {
    for (size_t j = 0; j < r.size(); ++j) {
      const size_t rolled = (j + i * r.size() - i) % r.size();
      y[(i - 1) * r.size() + j] = static_cast<float>(r[j] * r[rolled]);
    }
  }
}

}  // namespace linnet::reference
