#pragma once

#include <cstdint>

namespace linnet {

// The choices that operators have. Values are those of schema/linnet.fbs, which says what each
// means; runtime/model/read_operators.cpp proves at compile time that both agree.

enum class DataType : uint8_t { f32, f16, bf16, int8, int4, int32, dynamic_int8, dynamic_int16 };

enum class Storage : uint8_t { weight, state, activation };
enum class Activation : uint8_t { none, relu, squared_relu, silu, gelu, gelu_tanh, sigmoid, tanh };
enum class NormKind : uint8_t { layer, rms, l2, l2_clamped, sum, softmax };
enum class ElementwiseFunction : uint8_t {
  add,
  subtract,
  subtract_from,
  multiply,
  negate,
  exp,
  sigmoid,
  tanh,
  softplus,
  silu,
  relu,
  square,
  gelu,
  gelu_tanh,
  log_sigmoid,
  elu,
  multiply_silu,
  multiply_sigmoid,
  minimum,
  maximum,
};
enum class RotaryStyle : uint8_t { halves, interleaved };
enum class DecayKind : uint8_t { none, per_head, per_key_channel, per_value_channel };
enum class WriteRule : uint8_t { additive, delta, rank_one };
enum class ReadOrder : uint8_t { after_write, before_write, after_all };
enum class Squash : uint8_t { none, tanh };
enum class ScanInput : uint8_t { step, unit_variance };
enum class FeatureSide : uint8_t { query, key };
enum class AttentionMask : uint8_t { causal, all, cross };
enum class PoolKind : uint8_t { first, last, mean, max, mean_sqrt_length, weighted_mean };
enum class LabelFunction : uint8_t { softmax, sigmoid, none };

}  // namespace linnet
