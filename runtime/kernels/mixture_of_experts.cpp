#include "runtime/kernels/mixture_of_experts.h"

#include <algorithm>
#include <cmath>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/mixture_of_experts.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

struct AddShareOp {
  float weight;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V y) const {
    return hn::MulAdd(hn::Set(d, weight), x, y);
  }
};

void add_share(float weight, const float* x, float* y, size_t n) {
  map(x, y, y, n, AddShareOp{weight});
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(add_share);

void add_share(float weight, const float* x, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(add_share)(weight, x, y, n);
}

// Plain loops: a token has a few hundred logits beside millions of multiply-adds in its experts.
void choose_experts(std::span<const float> logits, bool normalize, std::span<ExpertShare> shares) {
  const auto is_chosen = [&](size_t expert, size_t chosen) {
    return std::any_of(shares.begin(), shares.begin() + static_cast<ptrdiff_t>(chosen),
                       [expert](const ExpertShare& share) { return share.expert == expert; });
  };
  for (size_t i = 0; i < shares.size(); ++i) {
    size_t best = logits.size();
    for (size_t expert = 0; expert < logits.size(); ++expert) {
      const bool better = best == logits.size() || logits[expert] > logits[best];
      if (better && !is_chosen(expert, i)) best = expert;
    }
    shares[i].expert = static_cast<uint32_t>(best);
  }
  if (shares.empty()) return;
  const float largest = logits[shares[0].expert];
  float sum = 0;
  for (ExpertShare& share : shares) {
    share.weight = std::exp(logits[share.expert] - largest);
    sum += share.weight;
  }
  if (!normalize) {
    sum = 0;
    for (const float logit : logits) sum += std::exp(logit - largest);
  }
  for (ExpertShare& share : shares) share.weight /= sum;
}

}  // namespace linnet::kernels
#endif
