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
  std::vector<uint32_t> findable;                 ///< ids of the model that it can find in a text

  void set_bytes(uint32_t id, const std::string& token_bytes);
};

/// Throws unless `id` is a number that a token may have.
uint32_t checked_token_id(const nlohmann::json& id);

/// model: its kind, vocabulary and options, but for what read_hf_merges reads. Call it after
/// read_hf_pre_tokenizer, which tells whether BPE is over bytes or characters.
HfVocabulary read_hf_model(const nlohmann::json& model, TokenizerTables& tables);

/// model.merges of BPE. `prefix` is what a continuing token begins with.
std::vector<MergeRule> read_hf_merges(const nlohmann::json& model, const std::string& prefix,
                                      const HfVocabulary& vocabulary);

/// added_tokens; adds their text, normalised as `tables` say, to `vocabulary`.
std::vector<AddedToken> read_hf_added_tokens(const nlohmann::json& list,
                                             const TokenizerTables& tables,
                                             HfVocabulary& vocabulary);

/// normalizer -> normalizers, charsmap_*
void read_hf_normalizer(const nlohmann::json& section, TokenizerTables& tables);

/// pre_tokenizer -> pre_tokenizers; true if it ends in ByteLevel.
bool read_hf_pre_tokenizer(const nlohmann::json& section, TokenizerTables& tables);

/// decoder -> decoders. Call it after read_hf_model.
void read_hf_decoder(const nlohmann::json& section, TokenizerTables& tables);

/// post_processor -> prefix_ids, suffix_ids, single, pair
void read_hf_post_processor(const nlohmann::json& section, TokenizerTables& tables);

/// How a Metaspace, as pre-tokenizer or decoder, treats the beginning of a text.
PrependScheme read_hf_prepend_scheme(const nlohmann::json& section);

/// section.type, or "none"
std::string hf_type_of(const nlohmann::json& section);

/// The error for a kind of tokenizer that is not built in.
std::runtime_error unsupported_tokenizer(const std::string& what);

}  // namespace linnet::convert
