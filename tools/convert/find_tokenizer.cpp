#include "tools/convert/find_tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "tools/convert/tokenizers/byte_tokenizer.h"
#include "tools/convert/tokenizers/hf_tokenizer.h"
#include "tools/convert/tokenizers/rwkv_vocab.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kBytes = 256;

/// The first rwkv_vocab_*.txt of a folder by name, or "".
std::string find_rwkv_vocab(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("rwkv_vocab_") && name.ends_with(".txt")) {
      found.push_back(entry.path().string());
    }
  }
  const auto first = std::min_element(found.begin(), found.end());
  return first == found.end() ? "" : *first;
}

std::string find_file(const TokenizerSearch& search) {
  if (!search.given.empty()) return search.given;
  return has_hf_tokenizer(search.folder) ? search.folder : find_rwkv_vocab(search.folder);
}

TokenizerTables read_tokenizer(const std::string& path) {
  return path.ends_with(".txt") ? read_rwkv_vocab(path) : read_hf_tokenizer(path);
}

}  // namespace

FoundTokenizer find_tokenizer(const TokenizerSearch& search) {
  const std::string path = find_file(search);
  if (path.empty()) {
    if (search.bytes_if_256 && search.model_vocabulary == kBytes)
      return {byte_tokenizer(), "bytes"};
    return {};
  }
  TokenizerTables tables = read_tokenizer(path);
  if (tables.vocabulary > search.model_vocabulary) {
    throw std::runtime_error(path + ": has ids up to " + std::to_string(tables.vocabulary - 1) +
                             ", but the model has only " + std::to_string(search.model_vocabulary) +
                             " tokens: it belongs to another model");
  }
  return {std::move(tables), path};
}

}  // namespace linnet::convert
