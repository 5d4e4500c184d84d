#include "runtime/model/header.h"

namespace linnet {

static_assert(static_cast<int>(schema::LabelFunction::MAX) ==
              static_cast<int>(LabelFunction::none));

Status read_classifier(const schema::Classifier& from, const Graph& graph, Classifier* to) {
  if (!graph.encode.exists()) return Status::error(LINNET_INVALID_MODEL, "there is no encoder");
  const auto logits = static_cast<size_t>(graph.encode.outputs[0].tensor);
  const size_t columns = graph.tensors[logits].columns().number();
  if (from.labels()->size() != columns) {
    return Status::error(LINNET_INVALID_MODEL, "has %zu labels for %zu columns of logits",
                         static_cast<size_t>(from.labels()->size()), columns);
  }
  if (from.function() > schema::LabelFunction::MAX) {
    return Status::error(LINNET_UNSUPPORTED, "has a function of labels, %d, that is not known",
                         static_cast<int>(from.function()));
  }
  if (!to->labels.allocate(columns)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu labels", columns);
  }
  for (size_t i = 0; i < columns; ++i) {
    to->labels[i] = from.labels()->Get(static_cast<flatbuffers::uoffset_t>(i))->c_str();
  }
  to->function = static_cast<LabelFunction>(from.function());
  return Status::ok();
}

}  // namespace linnet
