#include "tools/convert/tokenizers/old_style.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/convert/formats/json_file.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMostFileBytes = uint64_t{1} << 28;

bool is_gpt2(const fs::path& folder) {
  return fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt");
}

json read_tokenizer_config(const fs::path& folder) {
  const fs::path path = folder / "tokenizer_config.json";
  return fs::exists(path) ? read_json(path.string(), kMostFileBytes) : json::object();
}

std::vector<std::string> read_lines(const fs::path& path) {
  if (fs::file_size(path) > kMostFileBytes) throw std::runtime_error("vocab.txt is too large");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path.string() + ": cannot be read");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

json read_merges(const fs::path& path) {
  json merges = json::array();
  for (std::string& line : read_lines(path)) {
    if (!line.empty()) merges.push_back(std::move(line));
  }
  return merges;
}

// The end of text is found as a whole, as the tokenizers that these files are made for do.
json gpt2_added_tokens(const json& config, const json& vocab) {
  json added = json::array();
  for (const auto& [id, entry] : json_member(config, "added_tokens_decoder").items()) {
    added.push_back(entry);
    added.back()["id"] = std::stoull(id);
  }
  const json& end = json_member(config, "eos_token");
  const std::string text = end.is_string() ? end.get<std::string>() : "<|endoftext|>";
  if (added.empty() && vocab.contains(text)) {
    added.push_back({{"content", text}, {"id", vocab.at(text)}, {"special", true}});
  }
  return added;
}

json read_gpt2(const fs::path& folder) {
  const json config = read_tokenizer_config(folder);
  json model = {{"type", "BPE"},
                {"vocab", read_json((folder / "vocab.json").string(), kMostFileBytes)},
                {"merges", read_merges(folder / "merges.txt")}};
  const bool add_prefix_space = json_member_or(config, "add_prefix_space", false);
  return {{"added_tokens", gpt2_added_tokens(config, model.at("vocab"))},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}}},
          {"model", std::move(model)}};
}

// A token as text or, in some files, as an object.
std::string token_of(const json& config, const char* key, const char* otherwise) {
  const json& token = json_member(config, key);
  if (token.is_object()) return token.at("content").get<std::string>();
  return token.is_string() ? token.get<std::string>() : otherwise;
}

json read_bert(const fs::path& folder) {
  const json config = read_tokenizer_config(folder);
  json vocab = json::object();
  const std::vector<std::string> lines = read_lines(folder / "vocab.txt");
  for (size_t id = 0; id < lines.size(); ++id) vocab[lines[id]] = id;
  const std::string unknown = token_of(config, "unk_token", "[UNK]");
  const std::string separator = token_of(config, "sep_token", "[SEP]");
  const std::string first = token_of(config, "cls_token", "[CLS]");
  json added = json::array();
  for (const std::string& token :
       {unknown, separator, first, token_of(config, "pad_token", "[PAD]"),
        token_of(config, "mask_token", "[MASK]")}) {
    if (!vocab.contains(token)) continue;
    added.push_back({{"content", token}, {"id", vocab.at(token)}, {"special", true}});
  }
  json file = {{"added_tokens", std::move(added)},
               {"normalizer",
                {{"type", "BertNormalizer"},
                 {"clean_text", true},
                 {"handle_chinese_chars", json_member_or(config, "tokenize_chinese_chars", true)},
                 {"strip_accents", json_member(config, "strip_accents")},
                 {"lowercase", json_member_or(config, "do_lower_case", true)}}},
               {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
               {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}};
  if (vocab.contains(separator) && vocab.contains(first)) {
    file["post_processor"] = {{"type", "BertProcessing"},
                              {"sep", {separator, vocab.at(separator)}},
                              {"cls", {first, vocab.at(first)}}};
  }
  file["model"] = {{"type", "WordPiece"}, {"unk_token", unknown}, {"vocab", std::move(vocab)}};
  return file;
}

}  // namespace

bool has_old_style_tokenizer(const std::string& folder) {
  return is_gpt2(folder) || fs::exists(fs::path(folder) / "vocab.txt");
}

json read_old_style_tokenizer(const std::string& folder) {
  return is_gpt2(folder) ? read_gpt2(folder) : read_bert(folder);
}

}  // namespace linnet::convert
