#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace linnet::kernels {

/// One expert's share of one token.
struct ExpertShare {
  uint32_t expert = 0;
  float weight = 0;
};

/// The shares.size() largest of the softmax of one token's router logits, the largest first and of
/// equals the first; `normalize` makes their weights sum to one. There are at least as many logits
/// as shares. Shares are of valid experts even where logits are not numbers.
void choose_experts(std::span<const float> logits, bool normalize, std::span<ExpertShare> shares);

/// Adds an expert's share of a token: y[i] += weight * x[i], n values.
void add_share(float weight, const float* x, float* y, size_t n);

}  // namespace linnet::kernels
