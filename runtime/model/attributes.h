#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "runtime/base/array.h"
#include "runtime/base/kinds.h"

namespace linnet {

// What an operator has beside its tensors. schema/linnet.fbs says what every field means.

struct LinearAttributes {
  Activation activation = Activation::none;
};
struct EmbeddingAttributes {};
struct QuantizeAttributes {};
struct LastRowsAttributes {};
struct NormAttributes {
  NormKind kind = NormKind::layer;
  uint32_t groups = 1;
  float epsilon = 0;
};
struct ElementwiseStepAttributes {
  ElementwiseFunction function = ElementwiseFunction::add;
  int32_t operand = -1;
  float scalar = 0;
};
struct ElementwiseAttributes {
  Array<ElementwiseStepAttributes> steps;
};
struct GroupSumAttributes {};
struct TokenShiftAttributes {};
struct CausalConvAttributes {
  Activation activation = Activation::none;
};
struct RotaryAttributes {
  uint32_t heads = 0;
  uint32_t dimensions = 0;
  RotaryStyle style = RotaryStyle::halves;
  float scale = 1;
};
struct SoftmaxAttentionAttributes {
  uint32_t heads = 0;
  uint32_t key_value_heads = 0;
  float scale = 1;
  AttentionMask mask = AttentionMask::causal;
  uint32_t window = 0;
  uint32_t segment = 0;
  bool clamps_distance = false;
};
struct FastWeightAttributes {
  uint32_t heads = 0;
  uint32_t key_heads = 0;
  DecayKind decay = DecayKind::none;
  WriteRule rule = WriteRule::additive;
  bool correct_before_decay = false;
  ReadOrder read = ReadOrder::after_write;
  float scale = 1;
  Squash squash = Squash::none;
  bool normalize = false;
  float normalizer_epsilon = 0;
  float normalizer_query_epsilon = 0;
};
struct WkvAttributes {};
struct SelectiveScanAttributes {
  ScanInput input = ScanInput::step;
};
struct GroupedLinearAttributes {
  uint32_t groups = 0;
  Activation activation = Activation::none;
};
struct MixtureOfExpertsAttributes {
  uint32_t experts = 0;
  uint32_t experts_per_token = 0;
  bool normalize = false;
  Activation activation = Activation::none;
};
struct StabilizedGatesAttributes {};
struct PositionEmbeddingAttributes {
  uint32_t offset = 0;
};
struct HeadLinearAttributes {};
struct SoftmaxFeaturesAttributes {
  uint32_t heads = 0;
  FeatureSide side = FeatureSide::query;
  float epsilon = 0;
  bool running = false;
};
struct DpfpAttributes {
  uint32_t heads = 0;
  uint32_t rolls = 0;
};
struct StoreAttributes {};
struct PoolAttributes {
  PoolKind kind = PoolKind::first;
  uint32_t recent = 0;
  uint32_t chunk = 0;
};
struct LstmAttributes {};
struct ConcatenateAttributes {};

/// The alternative that is held says which operator it is; exec/operator_table.h has them in the
/// same order.
using OperatorAttributes =
    std::variant<LinearAttributes, EmbeddingAttributes, QuantizeAttributes, LastRowsAttributes,
                 NormAttributes, ElementwiseAttributes, GroupSumAttributes, TokenShiftAttributes,
                 CausalConvAttributes, RotaryAttributes, SoftmaxAttentionAttributes,
                 FastWeightAttributes, WkvAttributes, SelectiveScanAttributes,
                 GroupedLinearAttributes, MixtureOfExpertsAttributes, StabilizedGatesAttributes,
                 PositionEmbeddingAttributes, HeadLinearAttributes, SoftmaxFeaturesAttributes,
                 DpfpAttributes, StoreAttributes, PoolAttributes, LstmAttributes,
                 ConcatenateAttributes>;

}  // namespace linnet
