#include "tools/convert/tokenizers/hf_tokenizer.h"

#include <algorithm>
#include <filesystem>

#include "tools/convert/formats/json_file.h"
#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"
#include "tools/convert/tokenizers/old_style.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

constexpr uint64_t kMostFileBytes = uint64_t{1} << 28;

void check_ids(const std::vector<TemplatePiece>& pieces, uint32_t vocabulary) {
  const auto outside = [&](const TemplatePiece& piece) {
    return piece.id >= static_cast<int64_t>(vocabulary);
  };
  if (std::any_of(pieces.begin(), pieces.end(), outside)) {
    throw std::runtime_error("post_processor: an id that no token has");
  }
}

// Tokens that the model can find by their bytes: those whose text no added token has replaced.
std::vector<uint32_t> findable_ids(const HfVocabulary& vocabulary,
                                   const std::vector<std::string>& model_bytes) {
  std::vector<uint32_t> ids;
  for (const uint32_t id : vocabulary.findable) {
    if (vocabulary.bytes[id] == model_bytes[id]) ids.push_back(id);
  }
  return ids;
}

TokenizerTables read_sections(const json& file) {
  if (!file.is_object()) throw std::runtime_error("an object is expected");
  const json& model = json_member(file, "model");
  TokenizerTables tables;
  read_hf_normalizer(json_member(file, "normalizer"), tables);
  const bool byte_level = read_hf_pre_tokenizer(json_member(file, "pre_tokenizer"), tables);
  tables.kind = byte_level ? TokenizerKind::byte_level_bpe : TokenizerKind::character_bpe;
  HfVocabulary vocabulary = read_hf_model(model, tables);
  read_hf_decoder(json_member(file, "decoder"), tables);

  const std::vector<std::string> model_bytes = vocabulary.bytes;
  tables.added_tokens = read_hf_added_tokens(json_member(file, "added_tokens"), tables, vocabulary);
  if (vocabulary.bytes.empty()) throw std::runtime_error("model.vocab: no tokens in it");
  tables.set_tokens(vocabulary.bytes);
  tables.set_findable(findable_ids(vocabulary, model_bytes));
  if (tables.kind == TokenizerKind::byte_level_bpe || tables.kind == TokenizerKind::character_bpe) {
    tables.set_merges(read_hf_merges(model, tables.continuing_prefix, vocabulary));
  }
  read_hf_post_processor(json_member(file, "post_processor"), tables);
  check_ids(tables.single, tables.vocabulary);
  check_ids(tables.pair, tables.vocabulary);
  return tables;
}

TokenizerTables read_named(const json& file, const std::string& name) {
  try {
    return read_sections(file);
  } catch (const std::exception& error) {
    throw std::runtime_error(name + ": " + error.what());
  }
}

}  // namespace

std::runtime_error unsupported_tokenizer(const std::string& what) {
  return std::runtime_error(what +
                            " is not supported (BPE, WordPiece and Unigram models are, with most "
                            "of what stands around them)");
}

TokenizerTables parse_hf_tokenizer(std::string_view text, const std::string& name) {
  return read_named(parse_json(text, name), name);
}

TokenizerTables read_hf_tokenizer(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return read_named(read_json(path, kMostFileBytes), path);
  const fs::path file = fs::path(path) / "tokenizer.json";
  if (fs::exists(file)) return read_named(read_json(file.string(), kMostFileBytes), file.string());
  try {
    return read_named(read_old_style_tokenizer(path), path);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

bool has_hf_tokenizer(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path at(folder);
  return fs::exists(at / "tokenizer.json") || has_old_style_tokenizer(folder);
}

}  // namespace linnet::convert
