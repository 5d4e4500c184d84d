#include "runtime/model/header.h"

namespace linnet {
namespace {

bool is_weight(const Graph& graph, int32_t index) {
  return index >= 0 && static_cast<size_t>(index) < graph.tensors.size() &&
         graph.tensors[static_cast<size_t>(index)].storage == Storage::weight;
}

Status read_matrix(FileBytes file, const schema::PackedMatrix& from, const Graph& graph,
                   StoredMatrix* to) {
  if (!is_weight(graph, from.weight()) || (from.bias() != -1 && !is_weight(graph, from.bias()))) {
    return Status::error(LINNET_INVALID_MODEL, "is of no weight that there is");
  }
  to->weight = from.weight();
  to->bias = from.bias();
  const std::string_view name = graph.tensors[static_cast<size_t>(to->weight)].name;
  const uint64_t bytes = from.data() == nullptr ? 0 : from.data()->size();
  to->bytes = static_cast<size_t>(bytes);
  return find_segment(file, from.data(), bytes, name, &to->data);
}

Status read_section(FileBytes file, const schema::PackedSection& from, const Graph& graph,
                    StoredSection* to) {
  if (from.type() > schema::DataType::MAX) {
    return Status::error(LINNET_INVALID_MODEL, "has a type that this runtime does not know");
  }
  to->type = static_cast<DataType>(from.type());
  to->layout = from.layout();
  to->processor = view_of(from.processor());
  const auto& matrices = *from.matrices();
  if (matrices.size() > most_graph_parts || !to->matrices.allocate(matrices.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u matrices", matrices.size());
  }
  for (unsigned i = 0; i < matrices.size(); ++i) {
    const Status status = read_matrix(file, *matrices.Get(i), graph, &to->matrices[i]);
    if (status.failed()) return status;
  }
  return Status::ok();
}

}  // namespace

Status read_packed(FileBytes file, const schema::Model& header, const Graph& graph,
                   Array<StoredSection>* out) {
  if (header.packed() == nullptr) return Status::ok();
  const auto& sections = *header.packed();
  constexpr uint32_t most_sections = 64;
  if (sections.size() > most_sections) {
    return Status::error(LINNET_UNSUPPORTED, "has %u packed sections; this runtime takes %u",
                         sections.size(), most_sections);
  }
  if (!out->allocate(sections.size())) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %u packed sections", sections.size());
  }
  for (unsigned i = 0; i < sections.size(); ++i) {
    const Status status = read_section(file, *sections.Get(i), graph, &(*out)[i]);
    if (status.failed()) return status.within("packed matrix %u: ", i);
  }
  return Status::ok();
}

}  // namespace linnet
