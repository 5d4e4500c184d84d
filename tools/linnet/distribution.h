#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace linnet::cli {

// Logits are a distribution over a vocabulary: probability i is exp(logit i) over the sum of all.
// Everything is computed in double, in nats.

/// log(sum(exp(logits))), without overflow.
double log_sum_exp(std::span<const float> logits);

/// -log of the probability of `token`, an index of `logits`.
double negative_log_likelihood(std::span<const float> logits, size_t token);

/// Kullback and Leibler's divergence of q from p, KL(p || q) = sum(p log(p / q)): 0 where both are
/// the same, else positive. `p` and `q` are logits of the same size.
double kl_divergence(std::span<const float> p, std::span<const float> q);

/// The mean of values, of which there is at least one.
double mean(std::span<const double> values);

/// The value that `share` (0 to 1) of the values lie below, with linear interpolation between
/// neighbours; of at least one value.
double percentile(std::vector<double> values, double share);

/// How far one model's distributions are from another's, position by position. Keeps one number
/// per position.
class Divergence {
 public:
  /// Logits of the model and, of the same position and size, of the other.
  void add(std::span<const float> model, std::span<const float> other);

  size_t positions() const { return kl_.size(); }
  /// KL(other || model) of every position so far.
  const std::vector<double>& kl() const { return kl_; }
  double argmax_agreement() const;                                   ///< a share of the positions
  double largest_difference() const { return largest_difference_; }  ///< between two logits

 private:
  std::vector<double> kl_;
  size_t equal_argmax_ = 0;
  double largest_difference_ = 0;
};

}  // namespace linnet::cli
