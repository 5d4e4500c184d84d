#include "runtime/kernels/stabilized_gates.h"

#include <algorithm>

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/stabilized_gates.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

void stabilized_gates(const StabilizedGatesArguments& arguments) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t head = 0; head < arguments.heads; head += lanes) {
    const size_t n = std::min(lanes, arguments.heads - head);
    auto maximum = load_some(d, arguments.maximum + head, n);
    for (size_t t = 0; t < arguments.tokens; ++t) {
      const auto input = load_some(d, arguments.input[t] + head, n);
      const auto forget = log_sigmoid(d, load_some(d, arguments.forget[t] + head, n));
      const auto kept = hn::Add(forget, maximum);
      maximum = hn::Max(kept, input);
      store_some(exp_all(d, hn::Sub(kept, maximum)), d, arguments.decay[t] + head, n);
      store_some(exp_all(d, hn::Sub(input, maximum)), d, arguments.write[t] + head, n);
      store_some(exp_all(d, hn::Neg(maximum)), d, arguments.floor[t] + head, n);
    }
    store_some(maximum, d, arguments.maximum + head, n);
  }
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(stabilized_gates);

void stabilized_gates(const StabilizedGatesArguments& arguments) {
  HWY_DYNAMIC_DISPATCH(stabilized_gates)(arguments);
}

}  // namespace linnet::kernels
#endif
