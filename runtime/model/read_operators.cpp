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
  return true;
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
    case schema::Attributes::NONE:
      break;
  }
  return false;
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

/// Follows the operators in order and checks that every activation is written, whole, by one
/// operator before it is read: so nothing ever reads memory that another tensor left behind.
class DataFlow {
 public:
  explicit DataFlow(const Graph& graph) : graph_(graph) {}

  Status check() {
    if (!written_.allocate(graph_.tensors.size())) {
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory to follow the graph");
    }
    written_[static_cast<size_t>(graph_.tokens)] = true;
    for (const Operator& op : graph_.operators) {
      for (const int32_t input : op.inputs) {
        if (input >= 0 && !is_readable(static_cast<size_t>(input))) {
          return broken(op, "reads an activation that nothing wrote before");
        }
      }
      for (const int32_t output : op.outputs) {
        const Tensor& tensor = graph_.tensors[static_cast<size_t>(output)];
        if (tensor.storage != Storage::activation || tensor.base >= 0 ||
            written_[static_cast<size_t>(output)]) {
          return broken(op, "writes a tensor that is not an activation of its own");
        }
        written_[static_cast<size_t>(output)] = true;
      }
    }
    if (!is_readable(static_cast<size_t>(graph_.logits))) {
      return Status::error(LINNET_INVALID_MODEL, "has an entry point whose output nothing writes");
    }
    return Status::ok();
  }

 private:
  bool is_readable(size_t index) const {
    const Tensor& tensor = graph_.tensors[index];
    if (tensor.storage != Storage::activation) return true;
    return written_[tensor.base >= 0 ? static_cast<size_t>(tensor.base) : index];
  }

  const Graph& graph_;
  Array<bool> written_;
};

Status read_entry_point(const schema::EntryPoint& entry, Graph* out) {
  if (entry.operators()->size() > most_graph_parts) {
    return Status::error(LINNET_UNSUPPORTED, "has %u operators; this runtime takes %u",
                         entry.operators()->size(), most_graph_parts);
  }
  if (!out->operators.allocate(entry.operators()->size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u operators",
                         entry.operators()->size());
  }
  for (unsigned i = 0; i < entry.operators()->size(); ++i) {
    const schema::Operator& from = *entry.operators()->Get(i);
    Operator& to = out->operators[i];
    to.name = view_of(from.name());
    if (!read_attributes(from, &to.attributes)) {
      return Status::error(LINNET_UNSUPPORTED,
                           "%.*s: is an operator or option that this runtime does not know",
                           static_cast<int>(to.name.size()), to.name.data());
    }
    Status status =
        read_indices(*from.inputs(), out->tensors.size(), /*optional=*/true, to, &to.inputs);
    if (status.failed()) return status;
    status =
        read_indices(*from.outputs(), out->tensors.size(), /*optional=*/false, to, &to.outputs);
    if (status.failed()) return status;
  }
  return Status::ok();
}

const char* name_of(EntryKind kind) { return kind == EntryKind::encode ? "encode" : "decode"; }

Status read_interface(const schema::EntryPoint& entry, Graph* out) {
  const auto in_range = [&](const flatbuffers::Vector<int32_t>& list) {
    return list.size() == 1 && list.Get(0) >= 0 &&
           static_cast<size_t>(list.Get(0)) < out->tensors.size();
  };
  const char* name = name_of(out->entry);
  if (!in_range(*entry.inputs()) || !in_range(*entry.outputs())) {
    return Status::error(LINNET_INVALID_MODEL, "entry point '%s': needs one input and one output",
                         name);
  }
  out->tokens = entry.inputs()->Get(0);
  out->logits = entry.outputs()->Get(0);
  const Tensor& tokens = out->tensors[static_cast<size_t>(out->tokens)];
  const Tensor& logits = out->tensors[static_cast<size_t>(out->logits)];
  if (tokens.storage != Storage::activation || tokens.type != DataType::int32 || tokens.rank != 1 ||
      !(tokens.shape[0] == Dimension(Dimension::Kind::tokens))) {
    return Status::error(LINNET_INVALID_MODEL, "entry point '%s': its input is not int32 [T]",
                         name);
  }
  const bool encodes = out->entry == EntryKind::encode;
  const Dimension rows(encodes ? Dimension::Kind::tokens : Dimension::Kind::logits_rows);
  if (logits.storage != Storage::activation || logits.type != DataType::f32 || logits.base >= 0 ||
      !(logits.rows() == rows) || logits.columns().number() == 0) {
    return Status::error(LINNET_INVALID_MODEL,
                         "entry point '%s': its output is not f32 [%s, vocabulary]", name,
                         encodes ? "T" : "L");
  }
  out->vocabulary = logits.columns().number();
  return Status::ok();
}

/// The entry point to run: "decode" before "encode".
const schema::EntryPoint* find_entry_point(const schema::Model& header, EntryKind* kind) {
  for (const EntryKind wanted : {EntryKind::decode, EntryKind::encode}) {
    for (const schema::EntryPoint* entry : *header.entry_points()) {
      *kind = wanted;
      if (view_of(entry->name()) == name_of(wanted)) return entry;
    }
  }
  return nullptr;
}

}  // namespace

Status read_operators(const schema::Model& header, Graph* out) {
  const schema::EntryPoint* entry = find_entry_point(header, &out->entry);
  if (entry == nullptr) {
    return Status::error(LINNET_UNSUPPORTED, "has no entry point 'decode' or 'encode'");
  }
  Status status = read_interface(*entry, out);
  if (status.failed()) return status;
  status = read_entry_point(*entry, out);
  if (status.failed()) return status;
  return DataFlow(*out).check();
}

}  // namespace linnet
