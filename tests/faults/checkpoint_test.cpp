// Checkpoints in which one tensor is missing or has another shape: the converter refuses each,
// whoever the family is, and cleans up what it had begun.
#include "tools/convert/formats/checkpoint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/convert/formats/json_file.h"
#include "tools/convert/formats/safetensors.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;

const fs::path golden = LINNET_TEST_DIR "/golden";

/// Folders with a small checkpoint of one safetensors file and a config.
std::vector<std::string> small_checkpoints() {
  std::vector<std::string> folders;
  for (const char* group : {"variants", "variants/seq2seq", "encoders", "documents"}) {
    for (const auto& entry : fs::directory_iterator(golden / group)) {
      const bool is_whole = fs::exists(entry.path() / "model.safetensors") &&
                            fs::exists(entry.path() / "config.json");
      if (is_whole) folders.push_back(entry.path().string());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// Whether the family takes the tensors as they are; else it must say why.
bool builds(const std::string& folder, StoredTensors tensors) {
  std::vector<InputFile> files;
  files.emplace_back(folder + "/model.safetensors");
  const Checkpoint checkpoint(std::move(files), std::move(tensors));
  const std::string path = folder + "/config.json";
  const Source source{folder, checkpoint, Config(read_json(path, 1 << 20), path)};
  try {
    return find_family(source).build(source).vocabulary > 0;
  } catch (const std::runtime_error& error) {
    CHECK(error.what()[0] != 0);
    return false;
  }
}

}  // namespace

TEST_CASE("a checkpoint that lacks a tensor, or has one of another shape, is refused") {
  const std::vector<std::string> folders = small_checkpoints();
  REQUIRE(folders.size() > 50);
  for (const std::string& folder : folders) {
    CAPTURE(folder);
    const StoredTensors whole = read_safetensors(InputFile(folder + "/model.safetensors"));
    CHECK(builds(folder, whole));
    size_t refused = 0;
    for (const auto& [name, tensor] : whole) {
      StoredTensors damaged = whole;
      damaged.erase(name);
      refused += builds(folder, damaged) ? 0 : 1;
      // What is said of its values stays true, but there are fewer of them.
      damaged[name] = tensor;
      if (tensor.shape.empty() || tensor.shape[0] < 2) continue;
      --damaged[name].shape[0];
      refused += builds(folder, damaged) ? 0 : 1;
    }
    CHECK(refused > whole.size());
  }
}

}  // namespace linnet::convert
