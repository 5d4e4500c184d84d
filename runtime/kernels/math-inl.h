// Functions of single values, and loops that apply them to a row. Compiled once per instruction
// set, by Highway's foreach_target.h.

#if defined(LINNET_RUNTIME_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LINNET_RUNTIME_KERNELS_MATH_INL_H_
#undef LINNET_RUNTIME_KERNELS_MATH_INL_H_
#else
#define LINNET_RUNTIME_KERNELS_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace linnet::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// exp over all of float: infinity above 88.7, zero below -104, NaN stays NaN.
template <class D, class V>
HWY_INLINE V exp_all(D d, V x) {
  const V y = hn::Exp(d, hn::Min(hn::Set(d, 104.0f), x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp_all(d, hn::Neg(x))));
}

template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return hn::Div(x, hn::Add(hn::Set(d, 1.0f), exp_all(d, hn::Neg(x))));
}

/// log(1 + exp(x)); from 20 on it is x to the last bit of a float.
template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
  const V limit = hn::Set(d, 20.0f);
  const V y = hn::Log1p(d, exp_all(d, hn::Min(limit, x)));
  return hn::IfThenElse(hn::Lt(x, limit), y, x);
}

/// log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)), in which nothing can overflow.
template <class D, class V>
HWY_INLINE V log_sigmoid(D d, V x) {
  const V y = hn::Log1p(d, exp_all(d, hn::Neg(hn::Abs(x))));
  return hn::Sub(hn::Min(hn::Zero(d), x), y);
}

template <class D, class V>
HWY_INLINE V relu(D d, V x) {
  return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
}

/// exp(x) - 1 where x is negative, else x.
template <class D, class V>
HWY_INLINE V elu(D d, V x) {
  const V zero = hn::Zero(d);
  return hn::IfThenElse(hn::Lt(x, zero), hn::Expm1(d, hn::Min(zero, x)), x);
}

/// The error function as x P(x^2) / Q(x^2) on [-4, 4], outside of which it is 1 in float. The
/// coefficients are those of Eigen's erf<float> (SpecialFunctionsImpl.h) and XLA's ErfImpl32.
template <class D, class V>
HWY_INLINE V erf(D d, V x) {
  x = hn::Max(hn::Set(d, -4.0f), hn::Min(hn::Set(d, 4.0f), x));
  const V x2 = hn::Mul(x, x);
  V p = hn::Set(d, -2.72614225801306e-10f);
  p = hn::MulAdd(p, x2, hn::Set(d, 2.77068142495902e-08f));
  p = hn::MulAdd(p, x2, hn::Set(d, -2.10102402082508e-06f));
  p = hn::MulAdd(p, x2, hn::Set(d, -5.69250639462346e-05f));
  p = hn::MulAdd(p, x2, hn::Set(d, -7.34990630326855e-04f));
  p = hn::MulAdd(p, x2, hn::Set(d, -2.95459980854025e-03f));
  p = hn::MulAdd(p, x2, hn::Set(d, -1.60960333262415e-02f));
  V q = hn::Set(d, -1.45660718464996e-05f);
  q = hn::MulAdd(q, x2, hn::Set(d, -2.13374055278905e-04f));
  q = hn::MulAdd(q, x2, hn::Set(d, -1.68282697438203e-03f));
  q = hn::MulAdd(q, x2, hn::Set(d, -7.37332916720468e-03f));
  q = hn::MulAdd(q, x2, hn::Set(d, -1.42647390514189e-02f));
  return hn::Div(hn::Mul(x, p), q);
}

/// Hendrycks and Gimpel 2016: x times the normal distribution's probability of less than x.
template <class D, class V>
HWY_INLINE V gelu(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5f));
  return hn::MulAdd(half, erf(d, hn::Mul(x, hn::Set(d, 0.70710678118654752f))), half);
}

/// The same paper's approximation by a tanh.
template <class D, class V>
HWY_INLINE V gelu_tanh(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5f));
  const V cubic = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
  return hn::MulAdd(half, hn::Tanh(d, hn::Mul(cubic, hn::Set(d, 0.79788456080286536f))), half);
}

/// As many of a row's values as a vector has, of which `n` are left: those past the last are zero.
/// The rest of a row is out of line: it comes once, and takes many instructions.
template <class D>
HWY_NOINLINE hn::Vec<D> load_rest(D d, const float* x, size_t n) {
  return hn::LoadN(d, x, n);
}
template <class D>
HWY_INLINE hn::Vec<D> load_some(D d, const float* x, size_t n) {
  return HWY_LIKELY(n >= hn::Lanes(d)) ? hn::LoadU(d, x) : load_rest(d, x, n);
}

/// The other way round.
template <class D>
HWY_NOINLINE void store_rest(hn::Vec<D> value, D d, float* y, size_t n) {
  hn::StoreN(value, d, y, n);
}
template <class D>
HWY_INLINE void store_some(hn::Vec<D> value, D d, float* y, size_t n) {
  if (HWY_LIKELY(n >= hn::Lanes(d))) return hn::StoreU(value, d, y);
  store_rest(value, d, y, n);
}

/// The sum of n values, one vector after another.
HWY_INLINE float sum_of_row(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < n; i += lanes) sum = hn::Add(sum, load_some(d, x + i, n - i));
  return hn::ReduceSum(d, sum);
}

/// How a loop's body reads and writes: whole vectors, or the first `n` values of one.
struct WholeVector {
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const float* x) const {
    return hn::LoadU(d, x);
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> value, D d, float* y) const {
    hn::StoreU(value, d, y);
  }
};
struct RestOfVector {
  size_t n;

  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const float* x) const {
    return load_rest(d, x, n);
  }
  template <class D>
  HWY_INLINE void store(hn::Vec<D> value, D d, float* y) const {
    store_rest(value, d, y, n);
  }
};

/// y[i] = function(d, x[i]) for i < n; y may be x.
template <class Function>
HWY_INLINE void map(const float* x, float* y, size_t n, const Function& function) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d))
    store_some(function(d, load_some(d, x + i, n - i)), d, y + i, n - i);
}

/// y[i] = function(d, x[i], z[i]) for i < n; y may be x or z.
template <class Function>
HWY_INLINE void map(const float* x, const float* z, float* y, size_t n, const Function& function) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto value = function(d, load_some(d, x + i, n - i), load_some(d, z + i, n - i));
    store_some(value, d, y + i, n - i);
  }
}

/// The functions as objects that map() takes. Lambdas would not inherit the instruction set.
#define LINNET_UNARY(Name, Expression)        \
  struct Name {                               \
    template <class D, class V>               \
    HWY_INLINE V operator()(D d, V x) const { \
      (void)d;                                \
      return Expression;                      \
    }                                         \
  }
LINNET_UNARY(NegateOp, hn::Neg(x));
LINNET_UNARY(ExpOp, exp_all(d, x));
LINNET_UNARY(SigmoidOp, sigmoid(d, x));
LINNET_UNARY(TanhOp, hn::Tanh(d, x));
LINNET_UNARY(SoftplusOp, softplus(d, x));
LINNET_UNARY(SiluOp, silu(d, x));
LINNET_UNARY(ReluOp, relu(d, x));
LINNET_UNARY(SquareOp, hn::Mul(x, x));
LINNET_UNARY(SquaredReluOp, hn::Mul(relu(d, x), relu(d, x)));
LINNET_UNARY(GeluOp, gelu(d, x));
LINNET_UNARY(GeluTanhOp, gelu_tanh(d, x));
LINNET_UNARY(LogSigmoidOp, log_sigmoid(d, x));
LINNET_UNARY(EluOp, elu(d, x));
#undef LINNET_UNARY

}  // namespace linnet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LINNET_RUNTIME_KERNELS_MATH_INL_H_
