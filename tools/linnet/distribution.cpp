#include "tools/linnet/distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/linnet/logits.h"

namespace linnet::cli {

// The largest logit is taken out first, so that no exponential exceeds 1.
double log_sum_exp(std::span<const float> logits) {
  const double largest = double{*std::max_element(logits.begin(), logits.end())};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  return largest + std::log(sum);
}

double negative_log_likelihood(std::span<const float> logits, size_t token) {
  return log_sum_exp(logits) - double{logits[token]};
}

double kl_divergence(std::span<const float> p, std::span<const float> q) {
  const double p_sum = log_sum_exp(p);
  const double q_sum = log_sum_exp(q);
  double divergence = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double p_log = double{p[i]} - p_sum;
    const double probability = std::exp(p_log);
    // What p holds impossible counts nothing, whatever q says.
    if (probability != 0) divergence += probability * (p_log - (double{q[i]} - q_sum));
  }
  // Rounding may leave a trace below 0, where p and q are nearly the same. Not std::max, which
  // would hide what is not a number.
  return divergence < 0 ? 0 : divergence;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double percentile(std::vector<double> values, double share) {
  // What is not a number counts as the largest.
  std::sort(values.begin(), values.end(),
            [](double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; });
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const double beyond = place - static_cast<double>(below);
  return beyond == 0 ? values[below] : std::lerp(values[below], values[below + 1], beyond);
}

void Divergence::add(std::span<const float> model, std::span<const float> other) {
  kl_.push_back(kl_divergence(other, model));
  if (argmax(model) == argmax(other)) ++equal_argmax_;
  largest_difference_ = std::max(largest_difference_, cli::largest_difference(model, other));
}

double Divergence::argmax_agreement() const {
  return static_cast<double>(equal_argmax_) / static_cast<double>(kl_.size());
}

}  // namespace linnet::cli
