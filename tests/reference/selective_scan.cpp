#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/reference/kernels.h"

namespace linnet::reference {

void selective_scan(const kernels::SelectiveScanArguments& a, size_t width) {
  for (size_t c = 0; c < width; ++c) {
    std::vector<double> h(a.states);
    for (size_t n = 0; n < a.states; ++n) h[n] = a.state[n][c];
    for (size_t t = 0; t < a.tokens; ++t) {
      const double x = a.x[t][c];
      const double dt = a.step[t][c];
      double y = a.skip != nullptr ? a.skip[c] * x : 0.0;
      for (size_t n = 0; n < a.states; ++n) {
        const double decay = std::exp(dt * a.rates[n][c]);
        double gain = dt;
        if (a.input == ScanInput::unit_variance) {
          gain = t == 0 && a.starts_stream ? 1.0 : std::sqrt(1.0 - decay * decay);
        }
        h[n] = decay * h[n] + gain * x * (a.write ? a.write[t][n] : 1.0f);
        y += (a.read ? a.read[t][n] : 1.0f) * h[n];
      }
      a.y[t][c] = static_cast<float>(y);
    }
    for (size_t n = 0; n < a.states; ++n) a.state[n][c] = static_cast<float>(h[n]);
  }
}

void stabilized_gates(const kernels::StabilizedGatesArguments& a) {
  for (size_t head = 0; head < a.heads; ++head) {
    double maximum = a.maximum[head];
    for (size_t t = 0; t < a.tokens; ++t) {
      const double input = a.input[t][head];
      const double kept = -std::log1p(std::exp(-double{a.forget[t][head]})) + maximum;
      maximum = std::max(kept, input);
      a.decay[t][head] = static_cast<float>(std::exp(kept - maximum));
      a.write[t][head] = static_cast<float>(std::exp(input - maximum));
      a.floor[t][head] = static_cast<float>(std::exp(-maximum));
    }
    a.maximum[head] = static_cast<float>(maximum);
  }
}

void choose_experts(std::span<const float> logits, bool normalize,
                    std::span<kernels::ExpertShare> shares) {
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
  const auto end = normalize ? order.begin() + static_cast<ptrdiff_t>(shares.size()) : order.end();
  double sum = 0;
  for (auto expert = order.begin(); expert != end; ++expert) {
    sum += std::exp(double{logits[*expert]} - logits[order[0]]);
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    const double share = std::exp(double{logits[order[i]]} - logits[order[0]]) / sum;
    shares[i] = {order[i], static_cast<float>(share)};
  }
}

}  // namespace linnet::reference
