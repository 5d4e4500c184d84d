#include "tools/convert/passes/gather_products.h"

#include <algorithm>
#include <variant>
#include <vector>

namespace linnet::convert {
namespace {

// A layer's worth: what is made earlier takes memory for longer.
constexpr size_t kMostProducts = 8;
constexpr size_t kFarthest = 32;

class Gatherer {
 public:
  Gatherer(const Graph& graph, std::vector<Operator>& operators)
      : graph_(graph), operators_(operators) {}

  void run() {
    for (size_t first = 0; first < operators_.size(); ++first) {
      if (!is_product(operators_[first])) continue;
      size_t end = first + 1;
      for (size_t i = end; i < operators_.size() && i - first < kFarthest; ++i) {
        if (end - first == kMostProducts) break;
        if (!is_product(operators_[i]) || reads_any_of(operators_[i], first, i)) continue;
        const auto at = [&](size_t place) {
          return operators_.begin() + static_cast<std::ptrdiff_t>(place);
        };
        std::rotate(at(end), at(i), at(i + 1));
        ++end;
      }
      first = end - 1;
    }
  }

 private:
  const Tensor& tensor(int32_t index) const { return graph_.tensors[static_cast<size_t>(index)]; }
  bool is_product(const Operator& op) const {
    if (!std::holds_alternative<Linear>(op.attributes)) return false;
    const schema::DataType type = tensor(op.inputs[1]).type;
    return type == schema::DataType::f16 || type == schema::DataType::int8;
  }

  /// Whether the operator's rows are made by one of [first, end).
  bool reads_any_of(const Operator& op, size_t first, size_t end) const {
    return std::any_of(operators_.begin() + static_cast<std::ptrdiff_t>(first),
                       operators_.begin() + static_cast<std::ptrdiff_t>(end),
                       [&](const Operator& other) { return graph_.makes(other, op.inputs[0]); });
  }

  const Graph& graph_;
  std::vector<Operator>& operators_;
};

}  // namespace

void gather_products(Graph& graph) {
  for (EntryPoint* entry : graph.entry_points()) Gatherer(graph, entry->operators).run();
}

}  // namespace linnet::convert
