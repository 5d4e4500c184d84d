#include <algorithm>
#include <stdexcept>
#include <string>

#include "tools/convert/models/family.h"

namespace linnet::convert {
/// Asked in this order: those that the tensors give away come before those that a config.json says,
/// which may be another model's that lies in the same folder. A row declares its tag, so it stands
/// outside of the anonymous namespace.
constexpr Family kFamilies[] = {
    {"rwkv7", "RWKV-7 .pth files with BlinkDL's tensor names",
     "RWKV-7 Goose, Peng et al. 2025, arXiv:2503.14456", true, recognizes<struct Rwkv7PthFamily>,
     build<struct Rwkv7PthFamily>},
    {"qwen3_5", "Hugging Face folders of model type qwen3_5 or qwen3_5_text (its text part)",
     "Gated Delta Networks, Yang et al. 2024, arXiv:2412.06464", false,
     recognizes<struct Qwen35Family>, build<struct Qwen35Family>},
    {"rwkv7", "Hugging Face folders of model type rwkv7 (flash-linear-attention)",
     "RWKV-7 Goose, Peng et al. 2025, arXiv:2503.14456", false, recognizes<struct Rwkv7FlaFamily>,
     build<struct Rwkv7FlaFamily>},
};

namespace {

std::string found_text(const Source& source) {
  if (!source.config) {
    const auto& tensors = source.checkpoint.tensors();
    return tensors.empty() ? "no tensors"
                           : "no config.json, and tensors such as '" + tensors.begin()->first + "'";
  }
  std::string text = "model_type '" + source.config->text("model_type", "") + "'";
  if (source.config->has("architectures")) {
    for (const std::string& name : source.config->texts("architectures")) text += ", " + name;
  }
  return text;
}

bool contains(std::span<const char* const> names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const char* known) { return name == known; });
}

}  // namespace

std::span<const Family> families() { return kFamilies; }

const Family& find_family(const Source& source) {
  for (const Family& family : kFamilies) {
    if (family.recognizes(source)) return family;
  }
  std::string known;
  for (const Family& family : kFamilies) known += std::string("\n  ") + family.checkpoints;
  throw std::runtime_error(source.path + ": unknown architecture (" + found_text(source) +
                           "); linnet converts" + known);
}

bool config_says(const Source& source, std::span<const char* const> model_types,
                 std::span<const char* const> architectures) {
  if (!source.config) return false;
  if (source.config->has("model_type")) {
    return contains(model_types, source.config->text("model_type", ""));
  }
  if (!source.config->has("architectures")) return false;
  const std::vector<std::string> found = source.config->texts("architectures");
  return std::any_of(found.begin(), found.end(),
                     [&](const std::string& name) { return contains(architectures, name); });
}

}  // namespace linnet::convert
