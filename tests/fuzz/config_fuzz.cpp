// A config.json, through the family that it names to the header of a model file and the values of
// its weights. The first line of an input names the checkpoint below tests/golden whose tensors the
// config claims to describe; the rest is the config.
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tools/convert/formats/json_file.h"
#include "tools/convert/model_header.h"
#include "tools/convert/models/family.h"
#include "tools/convert/passes/fuse.h"
#include "tools/convert/passes/quantize.h"
#include "tools/convert/tokenizers/generation_config.h"

namespace {

using namespace linnet::convert;

/// A checkpoint below tests/golden, opened once; null where the name is none.
const Checkpoint* checkpoint_at(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Checkpoint>> opened;
  const bool is_name = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
  });
  if (!is_name || name.empty()) return nullptr;
  const auto found = opened.find(name);
  if (found != opened.end()) return found->second.get();
  std::unique_ptr<Checkpoint> checkpoint;
  try {
    checkpoint = open_checkpoint(LINNET_GOLDEN_FOLDER "/" + name);
  } catch (const std::exception&) {
    return nullptr;
  }
  return (opened[name] = std::move(checkpoint)).get();
}

void make_values(const Graph& graph) {
  constexpr uint64_t most_values = 1 << 16;
  for (const Tensor& tensor : graph.tensors) {
    if (!tensor.rows || element_count(tensor.shape) > most_values) continue;
    std::vector<float> values(element_count(tensor.shape));
    tensor.rows(0, static_cast<uint64_t>(tensor.shape.at(0)), values);
  }
}

void convert(const std::string& name, const Checkpoint& checkpoint, std::string_view config) {
  const Source source{LINNET_GOLDEN_FOLDER "/" + name, checkpoint,
                      Config(parse_json(config, "config.json"), "config.json")};
  Model model;
  model.graph = find_family(source).build(source);
  fuse_projections(model.graph);
  quantize_weights(model.graph, WeightFormat::int8);
  order_tensors(model.graph);
  model.generation = parse_generation_defaults(config, config);
  make_header(model, lay_out(model, 0));
  make_values(model.graph);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos || end > 100) return 0;
  const std::string name(input.substr(0, end));
  const Checkpoint* checkpoint = checkpoint_at(name);
  if (checkpoint == nullptr) return 0;
  try {
    convert(name, *checkpoint, input.substr(end + 1));
  } catch (const std::runtime_error&) {  // refused with a message
  }
  return 0;
}
