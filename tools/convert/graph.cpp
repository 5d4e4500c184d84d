#include "tools/convert/graph.h"

#include <algorithm>
#include <utility>

namespace linnet::convert {

std::string shape_text(const Shape& shape) {
  static const char* const kSymbols[] = {"T", "L", "C", "B", "S"};
  std::string text = "[";
  for (int32_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += size >= 0 ? std::to_string(size) : kSymbols[-1 - size];
  }
  return text + "]";
}

namespace {

class TensorOrder {
 public:
  explicit TensorOrder(Graph& graph) : graph_(graph), places_(graph.tensors.size(), -1) {}

  void run() {
    for (EntryPoint* entry : graph_.entry_points()) {
      use_all(entry->inputs);
      for (Operator& op : entry->operators) {
        use_all(op.inputs);
        use_all(op.outputs);
      }
      use_all(entry->outputs);
    }
    for (Tensor& tensor : ordered_) {
      tensor.base = tensor.base < 0 ? -1 : places_[static_cast<size_t>(tensor.base)];
      tensor.scales = tensor.scales < 0 ? -1 : places_[static_cast<size_t>(tensor.scales)];
    }
    graph_.tensors = std::move(ordered_);
  }

 private:
  void use_all(std::vector<int32_t>& tensors) {
    for (int32_t& tensor : tensors) tensor = use(tensor);
  }

  /// The tensor's place; what it stands on comes before it, its scales after it.
  int32_t use(int32_t index) {
    if (index < 0) return index;
    int32_t& place = places_[static_cast<size_t>(index)];
    if (place >= 0) return place;
    Tensor& tensor = graph_.tensors[static_cast<size_t>(index)];
    use(tensor.base);
    const int32_t scales = tensor.scales;
    place = static_cast<int32_t>(ordered_.size());
    ordered_.push_back(std::move(tensor));
    use(scales);
    return place;
  }

  Graph& graph_;
  std::vector<int32_t> places_;  // by the tensor's old index
  std::vector<Tensor> ordered_;
};

}  // namespace

std::vector<EntryPoint*> Graph::entry_points() {
  std::vector<EntryPoint*> found;
  for (EntryPoint* entry : {&encode, &decode}) {
    if (!entry->inputs.empty()) found.push_back(entry);
  }
  return found;
}

std::vector<const EntryPoint*> Graph::entry_points() const {
  std::vector<const EntryPoint*> found;
  for (const EntryPoint* entry : {&encode, &decode}) {
    if (!entry->inputs.empty()) found.push_back(entry);
  }
  return found;
}

bool Graph::makes(const Operator& op, int32_t tensor) const {
  const auto memory_of = [this](int32_t index) {
    const int32_t base = tensors[static_cast<size_t>(index)].base;
    return base >= 0 ? base : index;
  };
  const int32_t memory = memory_of(tensor);
  return std::ranges::any_of(op.outputs,
                             [&](int32_t output) { return memory_of(output) == memory; });
}

void order_tensors(Graph& graph) { TensorOrder(graph).run(); }

uint64_t element_count(const Shape& shape) {
  uint64_t count = 1;
  for (int32_t size : shape) count *= static_cast<uint64_t>(size);
  return count;
}

}  // namespace linnet::convert
