#include "runtime/exec/passes.h"

#include <algorithm>
#include <span>

#include "runtime/exec/operator_table.h"

namespace linnet {
namespace {

// Bounds the rows that wait, what planning a long graph costs, and memory: all that operators of a
// pass read and write is there at once.
constexpr size_t most_lag = 32;
constexpr size_t most_row_operators = 32;
constexpr size_t most_products = 8;

class PassPlanner {
 public:
  PassPlanner(const Graph& graph, std::span<PassPlace> places) : graph_(graph), places_(places) {}

  void plan(const EntryPoint& entry) {
    for (size_t i = entry.first_operator; i < entry.end_operator; ++i) {
      places_[i] = {.first = i, .end = i + 1};
      if (i == entry.first_operator) continue;
      const size_t first = places_[i - 1].first;
      const bool joins_rows = joins_row_pass(i, first);
      if (!joins_rows && !joins_products(i, first)) continue;
      places_[i].first = first;
      if (joins_rows) places_[i].lag = lag_of(i);
    }
    for (size_t i = entry.end_operator; i-- > entry.first_operator;) {
      const bool goes_on = i + 1 < entry.end_operator && places_[i + 1].first == places_[i].first;
      if (goes_on) places_[i].end = places_[i + 1].end;
      if (places_[i].end - places_[i].first > 1)
        places_[i].kind = is_by_row(i) ? PassKind::rows : PassKind::products;
    }
  }

 private:
  const Operator& op(size_t i) const { return graph_.operators[i]; }
  Dimension rows_of(size_t i) const {
    return graph_.tensors[static_cast<size_t>(op(i).outputs[0])].rows();
  }
  bool is_by_row(size_t i) const { return entry_of(op(i)).rows_before != nullptr; }
  size_t rows_before(size_t i) const { return entry_of(op(i)).rows_before(Site(graph_, op(i))); }

  bool writes(size_t i, int32_t memory) const {
    const std::span<const int32_t> outputs = op(i).outputs;
    return std::any_of(outputs.begin(), outputs.end(),
                       [&](int32_t output) { return graph_.memory_of(output) == memory; });
  }

  /// Whether operator i has a state that operator j has too.
  bool share_state(size_t i, size_t j) const {
    const std::span<const int32_t> others = op(j).inputs;
    return std::any_of(op(i).inputs.begin(), op(i).inputs.end(), [&](int32_t input) {
      return input >= 0 && graph_.tensors[static_cast<size_t>(input)].storage == Storage::state &&
             std::find(others.begin(), others.end(), input) != others.end();
    });
  }

  /// Whether operator i may go along with those of the pass that began at `first`. No operator
  /// writes over what another wrote, so that all that one may still read is there.
  bool joins_row_pass(size_t i, size_t first) const {
    if (!is_by_row(i) || !is_by_row(first) || !(rows_of(i) == rows_of(first))) return false;
    if (i - first >= most_row_operators || lag_of(i) > most_lag) return false;
    for (size_t j = first; j < i; ++j) {
      if (share_state(i, j)) return false;
    }
    return true;
  }

  bool is_product(size_t i) const {
    return std::holds_alternative<LinearAttributes>(op(i).attributes) &&
           MatrixProduct::has_panels(graph_.tensors[static_cast<size_t>(op(i).inputs[1])].type);
  }

  bool joins_products(size_t i, size_t first) const {
    if (!is_product(i) || !is_product(first) || i - first >= most_products) return false;
    const int32_t memory = graph_.memory_of(op(i).inputs[0]);
    for (size_t j = first; j < i; ++j) {
      if (writes(j, memory)) return false;
    }
    return true;
  }

  size_t lag_of(size_t i) const {
    const size_t before = rows_before(i);
    const int32_t memory = graph_.memory_of(op(i).inputs[0]);
    bool is_made_here = false;
    for (size_t j = places_[i - 1].first; j < i; ++j) is_made_here |= writes(j, memory);
    return places_[i - 1].lag + (is_made_here ? before : 0);
  }

  const Graph& graph_;
  std::span<PassPlace> places_;
};

}  // namespace

Status plan_passes(const Graph& graph, Array<PassPlace>* out) {
  if (!out->allocate(graph.operators.size()))
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory to plan passes");
  PassPlanner planner(graph, out->span());
  for (const EntryPoint* entry : {&graph.encode, &graph.decode}) {
    if (entry->exists()) planner.plan(*entry);
  }
  return Status::ok();
}

}  // namespace linnet
