#include <cmath>

#include "runtime/model/header.h"

namespace linnet {
namespace {

// The plain enums mirror the schema's: a new value appended there must be appended here.
static_assert(static_cast<int>(schema::DataType::MAX) == static_cast<int>(DataType::dynamic_int16));
static_assert(static_cast<int>(schema::Storage::MAX) == static_cast<int>(Storage::activation));
static_assert(static_cast<int>(schema::Activation::MAX) == static_cast<int>(Activation::tanh));
static_assert(static_cast<int>(schema::NormKind::MAX) == static_cast<int>(NormKind::softmax));
static_assert(static_cast<int>(schema::ElementwiseFunction::MAX) ==
              static_cast<int>(ElementwiseFunction::maximum));
static_assert(static_cast<int>(schema::RotaryStyle::MAX) ==
              static_cast<int>(RotaryStyle::interleaved));
static_assert(static_cast<int>(schema::DecayKind::MAX) ==
              static_cast<int>(DecayKind::per_value_channel));
static_assert(static_cast<int>(schema::WriteRule::MAX) == static_cast<int>(WriteRule::rank_one));
static_assert(static_cast<int>(schema::ReadOrder::MAX) == static_cast<int>(ReadOrder::after_all));
static_assert(static_cast<int>(schema::Squash::MAX) == static_cast<int>(Squash::tanh));
static_assert(static_cast<int>(schema::ScanInput::MAX) ==
              static_cast<int>(ScanInput::unit_variance));
static_assert(static_cast<int>(schema::FeatureSide::MAX) == static_cast<int>(FeatureSide::key));
static_assert(static_cast<int>(schema::AttentionMask::MAX) ==
              static_cast<int>(AttentionMask::cross));
static_assert(static_cast<int>(schema::PoolKind::MAX) == static_cast<int>(PoolKind::weighted_mean));

/// Reads one choice; false if the file holds a value that this runtime does not know.
template <typename To, typename From>
bool choose(From from, To* to) {
  if (from > From::MAX) return false;
  *to = static_cast<To>(from);
  return true;
}

bool read(const schema::Linear& from, OperatorAttributes* to) {
  return choose(from.activation(), &to->emplace<LinearAttributes>().activation);
}

bool read(const schema::Norm& from, OperatorAttributes* to) {
  auto& norm = to->emplace<NormAttributes>();
  norm.groups = from.groups();
  norm.epsilon = from.epsilon();
  return choose(from.kind(), &norm.kind);
}

bool read(const schema::Elementwise& from, OperatorAttributes* to) {
  auto& elementwise = to->emplace<ElementwiseAttributes>();
  if (!elementwise.steps.allocate(from.steps()->size())) return false;
  for (unsigned i = 0; i < from.steps()->size(); ++i) {
    const schema::ElementwiseStep& step = *from.steps()->Get(i);
    elementwise.steps[i].operand = step.operand();
    elementwise.steps[i].scalar = step.scalar();
    if (!choose(step.function(), &elementwise.steps[i].function)) return false;
  }
  return true;
}

bool read(const schema::CausalConv& from, OperatorAttributes* to) {
  return choose(from.activation(), &to->emplace<CausalConvAttributes>().activation);
}

bool read(const schema::Rotary& from, OperatorAttributes* to) {
  auto& rotary = to->emplace<RotaryAttributes>();
  rotary.heads = from.heads();
  rotary.dimensions = from.dimensions();
  rotary.scale = from.scale();
  return choose(from.style(), &rotary.style);
}

bool read(const schema::SoftmaxAttention& from, OperatorAttributes* to) {
  auto& attention = to->emplace<SoftmaxAttentionAttributes>();
  attention.heads = from.heads();
  attention.key_value_heads = from.key_value_heads();
  attention.scale = from.scale();
  attention.window = from.window();
  attention.segment = from.segment();
  attention.clamps_distance = from.clamps_distance();
  return choose(from.mask(), &attention.mask);
}

bool read(const schema::FastWeight& from, OperatorAttributes* to) {
  auto& fast_weight = to->emplace<FastWeightAttributes>();
  fast_weight.heads = from.heads();
  fast_weight.key_heads = from.key_heads();
  fast_weight.correct_before_decay = from.correct_before_decay();
  fast_weight.scale = from.scale();
  fast_weight.normalize = from.normalize();
  fast_weight.normalizer_epsilon = from.normalizer_epsilon();
  fast_weight.normalizer_query_epsilon = from.normalizer_query_epsilon();
  return choose(from.decay(), &fast_weight.decay) && choose(from.rule(), &fast_weight.rule) &&
         choose(from.read(), &fast_weight.read) && choose(from.squash(), &fast_weight.squash);
}

bool read(const schema::SelectiveScan& from, OperatorAttributes* to) {
  return choose(from.input(), &to->emplace<SelectiveScanAttributes>().input);
}

bool read(const schema::GroupedLinear& from, OperatorAttributes* to) {
  auto& linear = to->emplace<GroupedLinearAttributes>();
  linear.groups = from.groups();
  return choose(from.activation(), &linear.activation);
}

bool read(const schema::MixtureOfExperts& from, OperatorAttributes* to) {
  auto& mixture = to->emplace<MixtureOfExpertsAttributes>();
  mixture.experts = from.experts();
  mixture.experts_per_token = from.experts_per_token();
  mixture.normalize = from.normalize();
  return choose(from.activation(), &mixture.activation);
}

bool read(const schema::SoftmaxFeatures& from, OperatorAttributes* to) {
  auto& features = to->emplace<SoftmaxFeaturesAttributes>();
  features.heads = from.heads();
  features.epsilon = from.epsilon();
  features.running = from.running();
  return choose(from.side(), &features.side);
}

bool read(const schema::Dpfp& from, OperatorAttributes* to) {
  auto& dpfp = to->emplace<DpfpAttributes>();
  dpfp.heads = from.heads();
  dpfp.rolls = from.rolls();
  return true;
}

bool read(const schema::Pool& from, OperatorAttributes* to) {
  PoolAttributes& pool = to->emplace<PoolAttributes>();
  pool.recent = from.recent();
  pool.chunk = from.chunk();
  return choose(from.kind(), &pool.kind);
}

bool read_attributes(const schema::Operator& from, OperatorAttributes* to) {
  switch (from.attributes_type()) {
    case schema::Attributes::Linear:
      return read(*from.attributes_as_Linear(), to);
    case schema::Attributes::Embedding:
      to->emplace<EmbeddingAttributes>();
      return true;
    case schema::Attributes::Quantize:
      to->emplace<QuantizeAttributes>();
      return true;
    case schema::Attributes::LastRows:
      to->emplace<LastRowsAttributes>();
      return true;
    case schema::Attributes::Norm:
      return read(*from.attributes_as_Norm(), to);
    case schema::Attributes::Elementwise:
      return read(*from.attributes_as_Elementwise(), to);
    case schema::Attributes::GroupSum:
      to->emplace<GroupSumAttributes>();
      return true;
    case schema::Attributes::TokenShift:
      to->emplace<TokenShiftAttributes>();
      return true;
    case schema::Attributes::CausalConv:
      return read(*from.attributes_as_CausalConv(), to);
    case schema::Attributes::Rotary:
      return read(*from.attributes_as_Rotary(), to);
    case schema::Attributes::SoftmaxAttention:
      return read(*from.attributes_as_SoftmaxAttention(), to);
    case schema::Attributes::FastWeight:
      return read(*from.attributes_as_FastWeight(), to);
    case schema::Attributes::Wkv:
      to->emplace<WkvAttributes>();
      return true;
    case schema::Attributes::SelectiveScan:
      return read(*from.attributes_as_SelectiveScan(), to);
    case schema::Attributes::GroupedLinear:
      return read(*from.attributes_as_GroupedLinear(), to);
    case schema::Attributes::MixtureOfExperts:
      return read(*from.attributes_as_MixtureOfExperts(), to);
    case schema::Attributes::StabilizedGates:
      to->emplace<StabilizedGatesAttributes>();
      return true;
    case schema::Attributes::PositionEmbedding:
      to->emplace<PositionEmbeddingAttributes>().offset =
          from.attributes_as_PositionEmbedding()->offset();
      return true;
    case schema::Attributes::HeadLinear:
      to->emplace<HeadLinearAttributes>();
      return true;
    case schema::Attributes::SoftmaxFeatures:
      return read(*from.attributes_as_SoftmaxFeatures(), to);
    case schema::Attributes::Dpfp:
      return read(*from.attributes_as_Dpfp(), to);
    case schema::Attributes::Store:
      to->emplace<StoreAttributes>();
      return true;
    case schema::Attributes::Concatenate:
      to->emplace<ConcatenateAttributes>();
      return true;
    case schema::Attributes::Pool:
      return read(*from.attributes_as_Pool(), to);
    case schema::Attributes::Lstm:
      to->emplace<LstmAttributes>();
      return true;
    case schema::Attributes::NONE:
      break;
  }
  return false;
}

/// Why read_attributes failed.
Status unreadable(const schema::Operator& from, const Operator& op) {
  const auto* elementwise = std::get_if<ElementwiseAttributes>(&op.attributes);
  if (elementwise != nullptr &&
      elementwise->steps.size() < from.attributes_as_Elementwise()->steps()->size()) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the operator list");
  }
  return Status::error(LINNET_UNSUPPORTED,
                       "%.*s: is an operator or option that this runtime does not know",
                       static_cast<int>(op.name.size()), op.name.data());
}

Status broken(const Operator& op, const char* why) {
  return Status::error(LINNET_INVALID_MODEL, "%.*s: %s", static_cast<int>(op.name.size()),
                       op.name.data(), why);
}

Status read_indices(const flatbuffers::Vector<int32_t>& from, size_t tensors, bool optional,
                    const Operator& op, Array<int32_t>* to) {
  if (!to->allocate(from.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the operator list");
  }
  for (unsigned i = 0; i < from.size(); ++i) {
    const int32_t index = from.Get(i);
    if (index >= static_cast<int64_t>(tensors) || index < (optional ? -1 : 0)) {
      return broken(op, "refers to a tensor that is not there");
    }
    (*to)[i] = index;
  }
  return Status::ok();
}

}  // namespace

Status read_operators(const flatbuffers::Vector<flatbuffers::Offset<schema::Operator>>& from,
                      size_t tensors, std::span<Operator> out) {
  for (unsigned i = 0; i < from.size(); ++i) {
    const schema::Operator& source = *from.Get(i);
    Operator& to = out[i];
    to.name = view_of(source.name());
    if (!read_attributes(source, &to.attributes)) return unreadable(source, to);
    Status status = read_indices(*source.inputs(), tensors, /*optional=*/true, to, &to.inputs);
    if (status.failed()) return status;
    status = read_indices(*source.outputs(), tensors, /*optional=*/false, to, &to.outputs);
    if (status.failed()) return status;
  }
  return Status::ok();
}

}  // namespace linnet
