#include <algorithm>

#include "runtime/model/header.h"

namespace linnet {
namespace {

const char* name_of(EntryKind kind) { return kind == EntryKind::encode ? "encode" : "decode"; }

const schema::EntryPoint* find_entry_point(const schema::Model& header, EntryKind kind) {
  for (const schema::EntryPoint* entry : *header.entry_points()) {
    if (view_of(entry->name()) == name_of(kind)) return entry;
  }
  return nullptr;
}

/// Follows an entry point's operators in order and checks that every activation is written, whole,
/// by one of them before it is read: so nothing ever reads memory that another tensor left behind.
class DataFlow {
 public:
  explicit DataFlow(const Graph& graph) : graph_(graph) {}

  Status check(const EntryPoint& entry) {
    if (!written_.allocate(graph_.tensors.size())) {
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory to follow the graph");
    }
    for (const int32_t input : {entry.tokens, entry.token_types}) {
      if (input >= 0) written_[static_cast<size_t>(input)] = true;
    }
    for (const Operator& op : graph_.operators_of(entry)) {
      const char* wrong = follow(op);
      if (wrong != nullptr) {
        return Status::error(LINNET_INVALID_MODEL, "%.*s: %s", static_cast<int>(op.name.size()),
                             op.name.data(), wrong);
      }
    }
    const auto is_written = [&](const Output& output) {
      return is_readable(static_cast<size_t>(output.tensor));
    };
    if (!std::all_of(entry.outputs.begin(), entry.outputs.end(), is_written)) {
      return Status::error(LINNET_INVALID_MODEL, "has an entry point whose output nothing writes");
    }
    return Status::ok();
  }

 private:
  /// What is wrong with the operator; null: nothing.
  const char* follow(const Operator& op) {
    for (const int32_t input : op.inputs) {
      if (input >= 0 && !is_readable(static_cast<size_t>(input))) {
        return "reads an activation that nothing wrote before";
      }
    }
    for (const int32_t output : op.outputs) {
      const Tensor& tensor = graph_.tensors[static_cast<size_t>(output)];
      if (tensor.storage != Storage::activation || tensor.base >= 0 ||
          written_[static_cast<size_t>(output)]) {
        return "writes a tensor that is not an activation of its own";
      }
      written_[static_cast<size_t>(output)] = true;
    }
    return nullptr;
  }

  bool is_readable(size_t index) const {
    const Tensor& tensor = graph_.tensors[index];
    if (tensor.storage != Storage::activation) return true;
    return written_[tensor.base >= 0 ? static_cast<size_t>(tensor.base) : index];
  }

  const Graph& graph_;
  Array<bool> written_;
};

/// One entry point of the file into the graph.
class EntryReader {
 public:
  EntryReader(const schema::EntryPoint& from, EntryKind kind, const Graph& graph, EntryPoint* to)
      : from_(from), kind_(kind), graph_(graph), to_(*to) {}

  Status read() {
    const Status status = read_inputs();
    return status.failed() ? status : read_outputs();
  }

 private:
  /// The tensor at an index of the file; null: there is none.
  const Tensor* tensor(int32_t index) const {
    const bool is_there = index >= 0 && static_cast<size_t>(index) < graph_.tensors.size();
    return is_there ? &graph_.tensors[static_cast<size_t>(index)] : nullptr;
  }

  Status wrong(const char* what) const {
    return Status::error(LINNET_INVALID_MODEL, "entry point '%s': %s", name_of(kind_), what);
  }

  Status read_inputs() {
    const auto& inputs = *from_.inputs();
    const unsigned most = kind_ == EntryKind::encode ? 2 : 1;
    if (inputs.size() == 0 || inputs.size() > most) return wrong("has not the inputs it needs");
    for (const int32_t index : inputs) {
      const Tensor* input = tensor(index);
      if (input == nullptr || input->storage != Storage::activation ||
          input->type != DataType::int32 || input->rank != 1 ||
          !(input->shape[0] == Dimension(Dimension::Kind::tokens))) {
        return wrong("its input is not int32 [T]");
      }
    }
    to_.tokens = inputs.Get(0);
    if (inputs.size() > 1) to_.token_types = inputs.Get(1);
    return to_.tokens != to_.token_types ? Status::ok() : wrong("has the same input twice");
  }

  Status read_outputs() {
    const auto& outputs = *from_.outputs();
    const auto* names = from_.output_names();
    const bool is_named = names != nullptr && names->size() > 0;
    if (outputs.size() == 0 || (kind_ == EntryKind::decode && outputs.size() > 1) ||
        (is_named && names->size() != outputs.size())) {
      return wrong("has not the outputs it needs");
    }
    if (outputs.size() > most_graph_parts || !to_.outputs.allocate(outputs.size())) {
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u outputs", outputs.size());
    }
    for (unsigned i = 0; i < outputs.size(); ++i) {
      const Tensor* output = tensor(outputs.Get(i));
      if (output == nullptr || !is_output(*output)) {
        return wrong(kind_ == EntryKind::encode
                         ? "its output is not f32 [T, columns] or f32 [B, columns]"
                         : "its output is not f32 [L, vocabulary]");
      }
      to_.outputs[i] = {.name = is_named ? names->Get(i)->c_str() : "logits",
                        .tensor = outputs.Get(i)};
    }
    return Status::ok();
  }

  bool is_output(const Tensor& tensor) const {
    using Kind = Dimension::Kind;
    if (tensor.storage != Storage::activation || tensor.type != DataType::f32 || tensor.base >= 0) {
      return false;
    }
    const Kind rows = tensor.rows().kind();
    return kind_ == EntryKind::encode ? rows == Kind::tokens || rows == Kind::texts
                                      : rows == Kind::logits_rows;
  }

  const schema::EntryPoint& from_;
  const EntryKind kind_;
  const Graph& graph_;
  EntryPoint& to_;
};

struct FoundEntry {
  EntryKind kind;
  const schema::EntryPoint* from;
  EntryPoint* to;
};

}  // namespace

Status read_entry_points(const schema::Model& header, Graph* out) {
  const FoundEntry entries[] = {
      {EntryKind::encode, find_entry_point(header, EntryKind::encode), &out->encode},
      {EntryKind::decode, find_entry_point(header, EntryKind::decode), &out->decode}};
  uint64_t operators = 0;
  for (const FoundEntry& entry : entries) {
    if (entry.from != nullptr) operators += entry.from->operators()->size();
  }
  if (operators > most_graph_parts) {
    return Status::error(LINNET_UNSUPPORTED, "has %llu operators; this runtime takes %u",
                         static_cast<unsigned long long>(operators), most_graph_parts);
  }
  if (!out->operators.allocate(static_cast<size_t>(operators))) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for its operators");
  }
  size_t first = 0;
  for (const auto& [kind, from, to] : entries) {
    if (from == nullptr) continue;
    Status status = EntryReader(*from, kind, *out, to).read();
    if (status.failed()) return status;
    to->first_operator = first;
    to->end_operator = first + from->operators()->size();
    status = read_operators(*from->operators(), out->tensors.size(),
                            out->operators.span().subspan(first, from->operators()->size()));
    if (status.failed()) return status;
    status = DataFlow(*out).check(*to);
    if (status.failed()) return status;
    first = to->end_operator;
  }
  if (first == 0 && !out->encode.exists() && !out->decode.exists()) {
    return Status::error(LINNET_UNSUPPORTED, "has no entry point 'decode' or 'encode'");
  }
  const int32_t logits = out->main_entry().outputs[0].tensor;
  out->vocabulary = out->tensors[static_cast<size_t>(logits)].columns().number();
  return Status::ok();
}

}  // namespace linnet
