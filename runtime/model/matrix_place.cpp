#include "runtime/model/matrix_place.h"

namespace linnet {

size_t MatrixPlace::count(const Operator& op) {
  if (std::holds_alternative<LinearAttributes>(op.attributes)) return 1;
  if (const auto* grouped = std::get_if<GroupedLinearAttributes>(&op.attributes))
    return grouped->groups;
  if (const auto* mixture = std::get_if<MixtureOfExpertsAttributes>(&op.attributes))
    return size_t{2} * mixture->experts;
  return 0;
}

MatrixPlace MatrixPlace::of(const Operator& op, size_t index) {
  if (const auto* mixture = std::get_if<MixtureOfExpertsAttributes>(&op.attributes)) {
    return {.weight = op.inputs[1 + index % 2],
            .bias = -1,
            .part = index / 2,
            .parts = mixture->experts};
  }
  return {.weight = op.inputs[1], .bias = op.inputs[2], .part = index, .parts = count(op)};
}

}  // namespace linnet
