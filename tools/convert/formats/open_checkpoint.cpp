#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/json_file.h"
#include "tools/convert/formats/safetensors.h"
#include "tools/convert/formats/torch_zip.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxIndexBytes = 100'000'000;

// The first of these that a folder has is its model, whatever else lies there.
constexpr std::array<const char*, 6> kFolderNames = {
    "model.safetensors", "model.safetensors.index.json",
    "pytorch_model.bin", "pytorch_model.bin.index.json",
    "model.pth",         "model.pt"};

constexpr std::array<std::string_view, 4> kWeightSuffixes = {".safetensors", ".pth", ".pt", ".bin"};

StoredTensors read_weight_file(const InputFile& file) {
  std::string start = file.read_text(0, std::min<uint64_t>(file.size(), 4));
  start.resize(4);
  if (start == "PK\x03\x04") return read_torch_zip(file);
  if (fs::path(file.path()).extension() == ".safetensors") return read_safetensors(file);
  if (start[0] == '\x80') {
    fail_file(file.path(),
              "is in torch's format from before version 1.6; load it with a current torch and "
              "save it again with torch.save(torch.load(path, map_location='cpu'), new_path)");
  }
  fail_file(file.path(), "is neither a safetensors file nor a zip file of torch.save");
}

std::unique_ptr<Checkpoint> open_single(const std::string& path) {
  std::vector<InputFile> files;
  files.emplace_back(path);
  StoredTensors tensors = read_weight_file(files.front());
  return std::make_unique<Checkpoint>(std::move(files), std::move(tensors));
}

/// Tensor name -> shard, as an index says it, with the shards' names checked.
std::map<std::string, std::string> read_weight_map(const std::string& path) {
  const nlohmann::json index = read_json(path, kMaxIndexBytes);
  const auto found = index.is_object() ? index.find("weight_map") : index.end();
  if (found == index.end() || !found->is_object()) fail_file(path, "has no object 'weight_map'");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : found->items()) {
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    if (file.empty() || file.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos ||
        file.find("..") != std::string::npos) {
      fail_file(path, "tensor '" + name + "': a file's name expected, found " + shard.dump());
    }
    shards[name] = file;
  }
  return shards;
}

[[noreturn]] void fail_missing(const std::string& index, const std::string& tensor,
                               const std::string& shard) {
  fail_file(index, "tensor '" + tensor + "' expected in '" + shard + "', which lacks it");
}

std::unique_ptr<Checkpoint> open_sharded(const std::string& index_path) {
  const std::map<std::string, std::string> shard_of = read_weight_map(index_path);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shard_of) names.insert(shard);

  std::vector<InputFile> files;
  std::map<std::string, StoredTensors> found;
  for (const std::string& name : names) {
    files.emplace_back((fs::path(index_path).parent_path() / name).string());
    StoredTensors& tensors = found[name] = read_weight_file(files.back());
    for (auto& [tensor, stored] : tensors) stored.file = files.size() - 1;
  }

  StoredTensors tensors;
  for (const auto& [name, shard] : shard_of) {
    const auto stored = found[shard].find(name);
    if (stored == found[shard].end()) fail_missing(index_path, name, shard);
    tensors.emplace(name, std::move(stored->second));
  }
  return std::make_unique<Checkpoint>(std::move(files), std::move(tensors));
}

std::string find_in_folder(const fs::path& folder) {
  for (const char* name : kFolderNames) {
    if (fs::exists(folder / name)) return (folder / name).string();
  }
  std::vector<std::string> candidates;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string suffix = entry.path().extension().string();
    if (std::find(kWeightSuffixes.begin(), kWeightSuffixes.end(), suffix) !=
        kWeightSuffixes.end()) {
      candidates.push_back(entry.path().string());
    }
  }
  if (candidates.size() == 1) return candidates.front();
  fail_file(folder.string(), candidates.empty()
                                 ? "no weights found (.safetensors, .pth, .pt or .bin)"
                                 : "several weight files found; name the one that is meant");
}

}  // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const std::string& path) {
  const std::string file = fs::is_directory(path) ? find_in_folder(path) : path;
  if (file.ends_with(".index.json")) return open_sharded(file);
  return open_single(file);
}

}  // namespace linnet::convert
