#include "tests/soak/state_norms.h"

#include <cmath>
#include <cstring>
#include <string_view>

#include "runtime/api/handles.h"

namespace linnet::soak {
namespace {

std::string without_numbers(std::string_view name) {
  std::string kind;
  for (const char c : name) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit || !kind.ends_with('#')) kind += is_digit ? '#' : c;
  }
  return kind;
}

double sum_of_squares(const std::byte* values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, values + i * sizeof value, sizeof value);
    sum += double{value} * value;
  }
  return sum;
}

}  // namespace

std::map<std::string, double> state_norms(const linnet_session& session) {
  const Session& inner = *session.session;
  const Graph& graph = inner.model().graph();
  std::map<std::string, double> norms;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.storage != Storage::state) continue;
    norms[without_numbers(tensor.name)] += sum_of_squares(
        inner.state() + inner.plan().tensor_offsets[i], tensor.elements(inner.largest()));
  }
  for (auto& [name, norm] : norms) norm = std::sqrt(norm);
  return norms;
}

}  // namespace linnet::soak
