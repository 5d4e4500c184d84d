#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/fast_weight.h"
#include "runtime/kernels/features.h"
#include "runtime/kernels/mixture_of_experts.h"
#include "runtime/kernels/norm.h"
#include "runtime/kernels/rotary.h"
#include "runtime/kernels/selective_scan.h"
#include "runtime/kernels/softmax_attention.h"
#include "runtime/kernels/stabilized_gates.h"
#include "runtime/kernels/time_mix.h"
#include "runtime/kernels/wkv.h"

// Plain forms of the kernels in runtime/kernels: loops that follow the formulas to the letter, in
// double precision, with no thought of speed. They take the same arguments, so that a test runs
// both.
namespace linnet::reference {

double activate(Activation activation, double x);
double apply(ElementwiseFunction function, double x, double operand);

void elementwise(size_t rows, size_t width, kernels::ConstRows x,
                 std::span<const kernels::ElementwiseStep> steps, kernels::MutableRows y);
void group_sum(size_t rows, size_t groups, size_t width, kernels::ConstRows x,
               kernels::MutableRows y);
void norm(const kernels::NormArguments& arguments);
void token_shift(const kernels::TokenShiftArguments& arguments, size_t tokens);
void causal_conv(const kernels::CausalConvArguments& arguments, size_t tokens);
/// Without the running maximum: for small keys, in double precision. Leaves the state in units
/// of 1.
void wkv(const kernels::WkvArguments& arguments, size_t width);
void rotary_table(uint64_t position, size_t tokens, const float* frequencies, size_t pairs,
                  float scale, float* cosines, float* sines);
void rotary(const kernels::RotaryArguments& arguments);

/// All value columns of a head.
void fast_weight(const kernels::FastWeightHead& head);
void fast_weight_normalizer(const kernels::FastWeightHead& head, float* z, float epsilon,
                            float query_epsilon, float* factor);

void head_linear(const kernels::HeadLinearArguments& arguments);
void softmax_features(const kernels::SoftmaxFeaturesHead& head);
void dpfp(const float* x, size_t width, size_t rolls, float* y);

/// Token by token: writes the token to the ring, where there is one, then reads all that it sees.
void softmax_attention(const kernels::SoftmaxAttentionHead& a);

void selective_scan(const kernels::SelectiveScanArguments& a, size_t width);
void stabilized_gates(const kernels::StabilizedGatesArguments& a);
void choose_experts(std::span<const float> logits, bool normalize,
                    std::span<kernels::ExpertShare> shares);

/// The value of a half-precision float, given its bits.
float half_to_float(uint16_t bits);
float bfloat16_to_float(uint16_t bits);

}  // namespace linnet::reference
