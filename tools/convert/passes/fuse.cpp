#include "tools/convert/passes/fuse.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace linnet::convert {
namespace {

/// "layers.0.mlp.gate" and "layers.0.mlp.up" -> "layers.0.mlp.gate+up"
std::string joined_name(const std::string& first, const std::string& next) {
  return first + "+" + next.substr(next.rfind('.') + 1);
}

/// The rows of the parts, one part after another; one that is absent is zeros.
struct Part {
  uint64_t rows = 0;
  RowProducer values;
};

RowProducer stacked(std::vector<Part> parts, uint64_t width) {
  return [parts = std::move(parts), width](uint64_t first, uint64_t count, std::span<float> out) {
    uint64_t start = 0;  // of the part
    for (const Part& part : parts) {
      const uint64_t begin = std::max(first, start);
      const uint64_t end = std::min(first + count, start + part.rows);
      if (begin < end) {
        const auto target = out.subspan((begin - first) * width, (end - begin) * width);
        if (part.values) {
          part.values(begin - start, end - begin, target);
        } else {
          std::ranges::fill(target, 0.0f);
        }
      }
      start += part.rows;
    }
  };
}

std::optional<schema::ElementwiseFunction> as_step(schema::Activation activation) {
  switch (activation) {
    case schema::Activation::sigmoid:
      return schema::ElementwiseFunction::sigmoid;
    case schema::Activation::tanh:
      return schema::ElementwiseFunction::tanh;
    case schema::Activation::silu:
      return schema::ElementwiseFunction::silu;
    default:
      return {};
  }
}

class Fuser {
 public:
  Fuser(Graph& graph, EntryPoint& entry)
      : graph_(graph), operators_(entry.operators), results_(entry.outputs) {}

  void run() {
    count_readers();
    std::vector<Operator> kept;
    std::vector<bool> is_fused(operators_.size());
    for (size_t i = 0; i < operators_.size(); ++i) {
      if (is_fused[i]) continue;
      const std::vector<size_t> group = group_of(i, is_fused);
      for (const size_t member : group) is_fused[member] = true;
      if (group.size() == 1) {
        kept.push_back(std::move(operators_[i]));
        continue;
      }
      std::vector<Operator> activations = part_from_activations(group);
      kept.push_back(fused(group));
      std::ranges::move(activations, std::back_inserter(kept));
    }
    operators_ = std::move(kept);
  }

 private:
  Tensor& tensor(int32_t index) { return graph_.tensors[static_cast<size_t>(index)]; }

  void count_readers() {
    for (const Operator& op : operators_) {
      for (const int32_t input : op.inputs) ++readers_[input];
    }
  }

  bool is_fusible(const Operator& op) {
    const auto* linear = std::get_if<Linear>(&op.attributes);
    if (linear == nullptr) return false;
    const bool is_gate = tensor(op.inputs[1]).role == WeightRole::gate;
    const bool parts = is_gate && as_step(linear->activation);
    if (linear->activation != schema::Activation::none && !parts) return false;
    const bool is_result = std::ranges::find(results_, op.outputs[0]) != results_.end();
    return !is_result && readers_[op.inputs[1]] == 1 && tensor(op.outputs[0]).base < 0;
  }

  /// The operators from `first` on that can be one with it, itself included.
  std::vector<size_t> group_of(size_t first, const std::vector<bool>& is_fused) {
    std::vector<size_t> group = {first};
    const Operator& op = operators_[first];
    if (!is_fusible(op)) return group;
    const WeightRole role = tensor(op.inputs[1]).role;
    for (size_t i = first + 1; i < operators_.size(); ++i) {
      const Operator& other = operators_[i];
      if (!is_fused[i] && is_fusible(other) && other.inputs[0] == op.inputs[0] &&
          tensor(other.inputs[1]).role == role) {
        group.push_back(i);
      }
    }
    return group;
  }

  /// Makes operators of the group's activations, and takes those from the group.
  std::vector<Operator> part_from_activations(const std::vector<size_t>& group) {
    std::vector<Operator> made;
    for (const size_t member : group) {
      Operator& op = operators_[member];
      auto& linear = std::get<Linear>(op.attributes);
      const auto function = as_step(linear.activation);
      if (!function) continue;
      linear.activation = schema::Activation::none;
      const int32_t output = op.outputs[0];
      op.outputs[0] = static_cast<int32_t>(graph_.tensors.size());
      Tensor before;
      before.name = op.name + ".before";
      before.shape = tensor(output).shape;
      graph_.tensors.push_back(std::move(before));
      made.push_back({op.name,
                      Elementwise{{schema::ElementwiseStep(*function, -1, 0)}},
                      {op.outputs[0]},
                      {output}});
    }
    return made;
  }

  Operator fused(const std::vector<size_t>& group) {
    Operator op = operators_[group.front()];
    for (size_t i = 1; i < group.size(); ++i) {
      op.name = joined_name(op.name, operators_[group[i]].name);
    }
    op.inputs[1] = stack(group, 1, op.name + ".weight");
    const bool any_bias = std::ranges::any_of(
        group, [&](size_t member) { return operators_[member].inputs[2] >= 0; });
    op.inputs[2] = any_bias ? stack(group, 2, op.name + ".bias") : -1;
    op.outputs[0] = join_outputs(group, op.name);
    return op;
  }

  /// One weight of the group's weights at `input`; those are used no more.
  int32_t stack(const std::vector<size_t>& group, size_t input, const std::string& name) {
    Tensor whole;
    std::vector<Part> parts;
    int32_t rows = 0;
    for (const size_t member : group) {
      const Operator& op = operators_[member];
      const int32_t height = tensor(op.outputs[0]).shape[1];
      rows += height;
      Part part{static_cast<uint64_t>(height), {}};
      if (op.inputs[input] >= 0) {
        Tensor& weight = tensor(op.inputs[input]);
        whole.shape = weight.shape;
        whole.role = weight.role;
        part.values = weight.rows;
      }
      parts.push_back(std::move(part));
    }
    whole.name = name;
    whole.storage = schema::Storage::weight;
    whole.shape[0] = rows;
    const uint64_t width = element_count({whole.shape.begin() + 1, whole.shape.end()});
    whole.rows = stacked(std::move(parts), width);
    graph_.tensors.push_back(std::move(whole));
    return static_cast<int32_t>(graph_.tensors.size() - 1);
  }

  /// One activation, of which the group's outputs become columns.
  int32_t join_outputs(const std::vector<size_t>& group, const std::string& name) {
    const auto whole = static_cast<int32_t>(graph_.tensors.size());
    uint32_t column = 0;
    for (const size_t member : group) {
      const int32_t output = operators_[member].outputs[0];
      for (Tensor& view : graph_.tensors) {
        if (view.base != output) continue;
        view.base = whole;
        view.column += column;
      }
      tensor(output).base = whole;
      tensor(output).column = column;
      column += static_cast<uint32_t>(tensor(output).shape[1]);
    }
    Tensor made;
    made.name = name;
    made.shape = {tensor(operators_[group.front()].outputs[0]).shape[0],
                  static_cast<int32_t>(column)};
    graph_.tensors.push_back(std::move(made));
    return whole;
  }

  Graph& graph_;
  std::vector<Operator>& operators_;
  const std::vector<int32_t>& results_;
  std::map<int32_t, size_t> readers_;  // by tensor
};

}  // namespace

void fuse_projections(Graph& graph) {
  for (EntryPoint* entry : graph.entry_points()) Fuser(graph, *entry).run();
}

}  // namespace linnet::convert
