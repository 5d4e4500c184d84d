#include "tests/reference/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace linnet::reference {

using kernels::ConstRows;
using kernels::MutableRows;

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

}  // namespace

double activate(Activation activation, double x) {
  const double positive = std::max(x, 0.0);
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return positive;
    case Activation::squared_relu:
      return positive * positive;
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
  }
  return NAN;
}

double apply(ElementwiseFunction function, double x, double operand) {
  switch (function) {
    case ElementwiseFunction::add:
      return x + operand;
    case ElementwiseFunction::subtract:
      return x - operand;
    case ElementwiseFunction::subtract_from:
      return operand - x;
    case ElementwiseFunction::multiply:
      return x * operand;
    case ElementwiseFunction::negate:
      return -x;
    case ElementwiseFunction::exp:
      return std::exp(x);
    case ElementwiseFunction::sigmoid:
      return sigmoid(x);
    case ElementwiseFunction::tanh:
      return std::tanh(x);
    case ElementwiseFunction::softplus:
      return x > 20 ? x : std::log1p(std::exp(x));
    case ElementwiseFunction::silu:
      return x * sigmoid(x);
    case ElementwiseFunction::relu:
      return std::max(x, 0.0);
    case ElementwiseFunction::square:
      return x * x;
    case ElementwiseFunction::gelu:
      return gelu(x);
    case ElementwiseFunction::gelu_tanh:
      return gelu_tanh(x);
    case ElementwiseFunction::log_sigmoid:
      return -std::log1p(std::exp(-x));
    case ElementwiseFunction::elu:
      return x > 0 ? x : std::expm1(x);
    case ElementwiseFunction::multiply_silu:
      return x * operand * sigmoid(operand);
    case ElementwiseFunction::multiply_sigmoid:
      return x * sigmoid(operand);
    case ElementwiseFunction::minimum:
      return std::min<double>(x, operand);
    case ElementwiseFunction::maximum:
      return std::max<double>(x, operand);
  }
  return NAN;
}

void elementwise(size_t rows, size_t width, ConstRows x,
                 std::span<const kernels::ElementwiseStep> steps, MutableRows y) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < width; ++c) {
      double value = x[r][c];
      for (const kernels::ElementwiseStep& step : steps) {
        const float operand = step.operand ? step.operand[r][c / step.group] : step.scalar;
        value = apply(step.function, value, operand);
      }
      y[r][c] = static_cast<float>(value);
    }
  }
}

void group_sum(size_t rows, size_t groups, size_t width, ConstRows x, MutableRows y) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t g = 0; g < groups; ++g) {
      double sum = 0;
      for (size_t c = 0; c < width; ++c) sum += x[r][g * width + c];
      y[r][g] = static_cast<float>(sum);
    }
  }
}

void softmax(const kernels::NormArguments& a, size_t row, size_t group) {
  const float* x = a.x[row] + group * a.width;
  double sum = 0;
  for (size_t c = 0; c < a.width; ++c) sum += std::exp(static_cast<double>(x[c]));
  for (size_t c = 0; c < a.width; ++c) {
    const size_t parameter = (a.per_group ? group * a.width : 0) + c;
    double value = std::exp(static_cast<double>(x[c])) / sum;
    if (a.weight != nullptr) value *= a.weight[parameter];
    if (a.bias != nullptr) value += a.bias[parameter];
    a.y[row][group * a.width + c] = static_cast<float>(value);
  }
}

void norm(const kernels::NormArguments& a) {
  const auto width = static_cast<double>(a.width);
  for (size_t r = 0; r < a.rows; ++r) {
    for (size_t g = 0; g < a.groups; ++g) {
      if (a.kind == NormKind::softmax) {
        softmax(a, r, g);
        continue;
      }
      const float* x = a.x[r] + g * a.width;
      double mean = 0;
      double sum = 0;
      for (size_t c = 0; c < a.width; ++c) sum += x[c];
      if (a.kind == NormKind::layer) {
        for (size_t c = 0; c < a.width; ++c) mean += x[c] / width;
      }
      double squares = 0;
      for (size_t c = 0; c < a.width; ++c) squares += (x[c] - mean) * (x[c] - mean);
      const double epsilon = a.epsilon;
      double divisor = 0;
      switch (a.kind) {
        case NormKind::layer:
        case NormKind::rms:
          divisor = std::sqrt(squares / width + epsilon);
          break;
        case NormKind::l2:
          divisor = std::sqrt(squares + epsilon);
          break;
        case NormKind::l2_clamped:
          divisor = std::max(std::sqrt(squares), epsilon);
          break;
        case NormKind::sum:
          divisor = sum + epsilon;
          break;
        case NormKind::softmax:
          break;
      }
      const size_t shared = a.per_group ? g * a.width : 0;
      for (size_t c = 0; c < a.width; ++c) {
        double value = (x[c] - mean) / divisor;
        if (a.weight != nullptr) value *= a.weight[shared + c];
        if (a.bias != nullptr) value += a.bias[shared + c];
        a.y[r][g * a.width + c] = static_cast<float>(value);
      }
    }
  }
}

void token_shift(const kernels::TokenShiftArguments& a, size_t tokens) {
  for (size_t c = 0; c < a.width; ++c) {
    for (size_t t = 0; t < tokens; ++t) {
      const double x = a.x[t][c];
      const double previous = t == 0 ? a.last[c] : a.x[t - 1][c];
      for (size_t i = 0; i < a.mixes.size(); ++i) {
        a.outputs[i][t][c] = static_cast<float>(x + (previous - x) * a.mixes[i][c]);
      }
    }
  }
}

void causal_conv(const kernels::CausalConvArguments& a, size_t tokens) {
  const size_t past = a.kernel - 1;
  for (size_t c = 0; c < a.width; ++c) {
    std::vector<float> stream;
    for (size_t j = 0; j < past; ++j) stream.push_back(a.tail[j][c]);
    for (size_t t = 0; t < tokens; ++t) stream.push_back(a.x[t][c]);
    for (size_t t = 0; t < tokens; ++t) {
      double sum = a.bias != nullptr ? a.bias[c] : 0.0f;
      for (size_t j = 0; j < a.kernel; ++j) {
        sum += static_cast<double>(a.weight[j][c]) * stream[t + j];
      }
      a.y[t][c] = static_cast<float>(activate(a.activation, sum));
    }
  }
}

void wkv(const kernels::WkvArguments& a, size_t width) {
  for (size_t c = 0; c < width; ++c) {
    double values = a.state[0][c] * std::exp(static_cast<double>(a.state[2][c]));
    double weights = a.state[1][c] * std::exp(static_cast<double>(a.state[2][c]));
    for (size_t t = 0; t < a.tokens; ++t) {
      const double k = a.key[t][c];
      const double v = a.value[t][c];
      const double now = std::exp(a.bonus[c] + k);
      a.output[t][c] = static_cast<float>((values + now * v) / (weights + now));
      const double faded = std::exp(static_cast<double>(a.decay[c]));
      values = faded * values + std::exp(k) * v;
      weights = faded * weights + std::exp(k);
    }
    // The unit is free to choose; this one leaves nothing to compare but its products.
    a.state[0][c] = static_cast<float>(values);
    a.state[1][c] = static_cast<float>(weights);
    a.state[2][c] = 0;
  }
}

void rotary_table(uint64_t position, size_t tokens, const float* frequencies, size_t pairs,
                  float scale, float* cosines, float* sines) {
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(position + t) * frequencies[i];
      cosines[t * pairs + i] = static_cast<float>(scale * std::cos(angle));
      sines[t * pairs + i] = static_cast<float>(scale * std::sin(angle));
    }
  }
}

void rotary(const kernels::RotaryArguments& a) {
  for (size_t t = 0; t < a.tokens; ++t) {
    for (size_t h = 0; h < a.heads; ++h) {
      const std::vector<float> x(a.x[t] + h * a.head_dim, a.x[t] + (h + 1) * a.head_dim);
      float* y = a.y[t] + h * a.head_dim;
      std::copy(x.begin(), x.end(), y);
      for (size_t i = 0; i < a.pairs; ++i) {
        const bool halves = a.style == RotaryStyle::halves;
        const size_t first = halves ? i : 2 * i;
        const size_t second = halves ? i + a.pairs : 2 * i + 1;
        const double cosine = a.cosines[t * a.pairs + i];
        const double sine = a.sines[t * a.pairs + i];
        y[first] = static_cast<float>(x[first] * cosine - x[second] * sine);
        y[second] = static_cast<float>(x[second] * cosine + x[first] * sine);
      }
    }
  }
}

namespace {

/// Whether query m of the chunk sees key n, both counted from the start of the stream (or text).
bool sees(const kernels::SoftmaxAttentionHead& a, int64_t m, int64_t n) {
  const auto capacity = static_cast<int64_t>(a.capacity);
  const auto window = static_cast<int64_t>(a.window);
  const auto segment = static_cast<int64_t>(a.segment);
  if (a.mask == AttentionMask::cross) return true;
  if (a.mask == AttentionMask::all) return window == 0 || std::abs(m - n) <= window;
  if (n > m || n <= m - capacity) return false;
  return segment == 0 || n >= m - m % segment - std::max<int64_t>(0, capacity - segment);
}

/// scale (q . k + positions + types) + bias of query head h.
double score(const kernels::SoftmaxAttentionHead& a, size_t h, size_t t, int64_t n,
             const float* key) {
  const auto m = static_cast<int64_t>(a.position + t);
  const size_t head = h * a.head_dim;
  double sum = 0;
  for (size_t c = 0; c < a.head_dim; ++c) sum += double{a.query[t][head + c]} * key[c];
  if (a.position_query) {
    const int64_t distance = std::clamp(m - n, a.nearest, a.farthest);
    const float* r = a.position_keys.data + distance * static_cast<int64_t>(a.position_keys.stride);
    for (size_t c = 0; c < a.head_dim; ++c) {
      sum += double{a.position_query[t][head + c]} * r[head + c];
    }
  }
  if (a.token_types != nullptr) {
    sum += a.type_scores[t][2 * h + (a.token_types[m] == a.token_types[n] ? 0 : 1)];
  }
  sum *= a.scale;
  if (!a.bias) return sum;
  const auto reach = static_cast<int64_t>(a.bias_reach);
  return sum + a.bias[h][reach + std::clamp(n - m, -reach, reach)];
}

}  // namespace

void softmax_attention(const kernels::SoftmaxAttentionHead& a) {
  const bool is_causal = a.mask == AttentionMask::causal;
  for (size_t t = 0; t < a.tokens; ++t) {
    const uint64_t now = a.position + t;
    if (is_causal) {
      std::copy_n(a.key[t], a.head_dim, a.key_ring[now % a.capacity]);
      std::copy_n(a.value[t], a.value_dim, a.value_ring[now % a.capacity]);
    }
    uint64_t end = a.tokens;
    if (is_causal) end = now + 1;
    if (a.mask == AttentionMask::cross) end = a.capacity;
    const auto row = [&](kernels::ConstRows own, kernels::MutableRows ring, uint64_t n) {
      return a.mask == AttentionMask::all ? own[n] : ring[n % a.capacity];
    };
    for (size_t h = 0; h < a.queries_per_head; ++h) {
      std::vector<uint64_t> seen;
      std::vector<double> scores;
      for (uint64_t n = 0; n < end; ++n) {
        if (!sees(a, static_cast<int64_t>(now), static_cast<int64_t>(n))) continue;
        seen.push_back(n);
        scores.push_back(score(a, h, t, static_cast<int64_t>(n), row(a.key, a.key_ring, n)));
      }
      const double maximum = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double& score : scores) sum += score = std::exp(score - maximum);
      for (size_t c = 0; c < a.value_dim; ++c) {
        double o = 0;
        for (size_t i = 0; i < seen.size(); ++i) {
          o += scores[i] / sum * row(a.value, a.value_ring, seen[i])[c];
        }
        a.output[t][h * a.value_dim + c] = static_cast<float>(o);
      }
    }
  }
}

float half_to_float(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  double value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? HUGE_VAL : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024 + fraction, exponent - 25);
  }
  return static_cast<float>((bits >> 15) != 0 ? -value : value);
}

float bfloat16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace linnet::reference
