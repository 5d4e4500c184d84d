#include "runtime/kernels/residual.h"

#include "runtime/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/residual.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void quantize_residual(const float* x, const int8_t* high, float scale, int32_t zero_point,
                       size_t count, int8_t* low) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> wide;
  const hn::Rebind<int8_t, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  const auto step = hn::Set(d, scale);
  const auto inverse = hn::Set(d, residual_steps / scale);
  const auto zero = hn::Set(wide, zero_point);
  const auto most = hn::Set(d, 127.0f);
  const auto quantize = [&](auto value, auto piece) HWY_ATTR {
    const auto steps = hn::ConvertTo(d, hn::Sub(hn::PromoteTo(wide, piece), zero));
    const auto rest = hn::Mul(hn::NegMulAdd(steps, step, value), inverse);
    const auto bounded = hn::Max(hn::Min(rest, most), hn::Neg(most));
    return hn::DemoteTo(narrow, hn::NearestInt(bounded));
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(quantize(hn::LoadU(d, x + i), hn::LoadU(narrow, high + i)), narrow, low + i);
  }
  if (i == count) return;
  const size_t rest = count - i;
  hn::StoreN(quantize(hn::LoadN(d, x + i, rest), hn::LoadN(narrow, high + i, rest)), narrow,
             low + i, rest);
}

void join_pieces(const float* high, const float* low, const float* bias, size_t count, float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto sum = hn::Add(hn::LoadU(d, high + i), hn::LoadU(d, low + i));
    if (bias != nullptr) sum = hn::Sub(sum, hn::LoadU(d, bias + i));
    hn::StoreU(sum, d, y + i);
  }
  if (i == count) return;
  const size_t rest = count - i;
  auto sum = hn::Add(hn::LoadN(d, high + i, rest), hn::LoadN(d, low + i, rest));
  if (bias != nullptr) sum = hn::Sub(sum, hn::LoadN(d, bias + i, rest));
  hn::StoreN(sum, d, y + i, rest);
}

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace linnet::kernels {

HWY_EXPORT(quantize_residual);
HWY_EXPORT(join_pieces);

void quantize_residual(const float* x, const int8_t* high, float scale, int32_t zero_point,
                       size_t count, int8_t* low) {
  HWY_DYNAMIC_DISPATCH(quantize_residual)(x, high, scale, zero_point, count, low);
}

void join_pieces(const float* high, const float* low, const float* bias, size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(join_pieces)(high, low, bias, count, y);
}

}  // namespace linnet::kernels
#endif
