#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/convert/tokenizers/tokenizer_tables.h"

// The sections of a tokenizer.json, a function each. All throw std::runtime_error, or an exception
// of the JSON library, without the file's name.
namespace linnet::convert {

constexpr uint32_t kMostTokenIds = 1u << 24;

/// What a tokenizer.json says about tokens, before it is put into tables.
struct HfVocabulary {
  std::unordered_map<std::string, uint32_t> ids;  ///< of the model, as the file writes the tokens
  std::vector<std::string> bytes;                 ///< by id: what a token decodes to
  std::vector<uint32_t> findable;                 ///< ids of the model written in the byte alphabet

  void set_bytes(uint32_t id, const std::string& token_bytes);
};

/// Throws unless `id` is a number that a token may have.
uint32_t checked_token_id(const nlohmann::json& id);

/// model.vocab
HfVocabulary read_hf_vocabulary(const nlohmann::json& model);

/// model.merges
std::vector<MergeRule> read_hf_merges(const nlohmann::json& model, const HfVocabulary& vocabulary);

/// added_tokens; adds their text to `vocabulary`.
std::vector<AddedToken> read_hf_added_tokens(const nlohmann::json& list, Normalizer normalizer,
                                             HfVocabulary& vocabulary);

/// normalizer
Normalizer read_hf_normalizer(const nlohmann::json& section);

/// pre_tokenizer -> split_patterns, add_prefix_space
void read_hf_pre_tokenizer(const nlohmann::json& section, TokenizerTables& tables);

/// post_processor -> prefix_ids, suffix_ids
void read_hf_post_processor(const nlohmann::json& section, TokenizerTables& tables);

/// The error for a kind of tokenizer that is not built in.
std::runtime_error unsupported_tokenizer(const std::string& what);

}  // namespace linnet::convert
