#include "tools/convert/tokenizers/byte_alphabet.h"
#include "tools/convert/tokenizers/hf_sections.h"
#include "tools/convert/tokenizers/json_member.h"

namespace linnet::convert {
namespace {

using nlohmann::json;

// Files that are older than "type" are told apart by what they have.
std::string model_type(const json& model) {
  const json& type = json_member(model, "type");
  if (!type.is_null()) return type.get<std::string>();
  if (json_member(model, "merges").is_array()) return "BPE";
  if (json_member(model, "vocab").is_array()) return "Unigram";
  return json_member(model, "continuing_subword_prefix").is_null() ? "of no type" : "WordPiece";
}

const json& vocab_object(const json& model) {
  const json& vocab = json_member(model, "vocab");
  if (!vocab.is_object()) throw std::runtime_error("model.vocab: an object is expected");
  return vocab;
}

// Tokens written in the byte alphabet become bytes; others can't be found.
HfVocabulary read_byte_vocabulary(const json& model) {
  HfVocabulary vocabulary;
  std::string bytes;
  for (const auto& [token, value] : vocab_object(model).items()) {
    const uint32_t id = checked_token_id(value);
    vocabulary.ids.emplace(token, id);
    const bool in_alphabet = decode_byte_alphabet(token, bytes);
    vocabulary.set_bytes(id, in_alphabet ? bytes : token);
    if (in_alphabet && !token.empty()) vocabulary.findable.push_back(id);
  }
  return vocabulary;
}

HfVocabulary read_vocabulary(const json& model) {
  HfVocabulary vocabulary;
  for (const auto& [token, value] : vocab_object(model).items()) {
    const uint32_t id = checked_token_id(value);
    vocabulary.ids.emplace(token, id);
    vocabulary.set_bytes(id, token);
    if (!token.empty()) vocabulary.findable.push_back(id);
  }
  return vocabulary;
}

int32_t find_unknown(const std::string& token, const HfVocabulary& vocabulary) {
  const auto found = vocabulary.ids.find(token);
  return found == vocabulary.ids.end() ? -1 : static_cast<int32_t>(found->second);
}

HfVocabulary read_bpe(const json& model, TokenizerTables& tables) {
  if (json_member_or(model, "dropout", 0.0) > 0) throw unsupported_tokenizer("model.dropout");
  tables.ignore_merges = json_member_or(model, "ignore_merges", false);
  tables.fuse_unknown = json_member_or(model, "fuse_unk", false);
  tables.byte_fallback = json_member_or(model, "byte_fallback", false);
  tables.continuing_prefix = json_member_or<std::string>(model, "continuing_subword_prefix", "");
  tables.end_of_word_suffix = json_member_or<std::string>(model, "end_of_word_suffix", "");
  const bool bytes = tables.kind == TokenizerKind::byte_level_bpe;
  if (bytes && tables.byte_fallback) {
    throw unsupported_tokenizer("model.byte_fallback with pre_tokenizer ByteLevel");
  }
  HfVocabulary vocabulary = bytes ? read_byte_vocabulary(model) : read_vocabulary(model);
  tables.unknown_id = find_unknown(json_member_or<std::string>(model, "unk_token", ""), vocabulary);
  return vocabulary;
}

HfVocabulary read_word_piece(const json& model, TokenizerTables& tables) {
  tables.kind = TokenizerKind::word_piece;
  tables.continuing_prefix = json_member_or<std::string>(model, "continuing_subword_prefix", "##");
  tables.most_word_characters = json_member_or(model, "max_input_chars_per_word", 100u);
  HfVocabulary vocabulary = read_vocabulary(model);
  const auto unknown = json_member_or<std::string>(model, "unk_token", "[UNK]");
  tables.unknown_id = find_unknown(unknown, vocabulary);
  if (tables.unknown_id < 0) {
    throw std::runtime_error("model.unk_token: '" + unknown + "' is not in model.vocab");
  }
  return vocabulary;
}

HfVocabulary read_unigram(const json& model, TokenizerTables& tables) {
  tables.kind = TokenizerKind::unigram;
  tables.byte_fallback = json_member_or(model, "byte_fallback", false);
  const json& vocab = json_member(model, "vocab");
  if (!vocab.is_array() || vocab.size() > kMostTokenIds) {
    throw std::runtime_error("model.vocab: a list of tokens with their scores is expected");
  }
  const json& unknown = json_member(model, "unk_id");
  if (unknown.is_null()) throw unsupported_tokenizer("a Unigram model without unk_id");
  tables.unknown_id = static_cast<int32_t>(checked_token_id(unknown));
  HfVocabulary vocabulary;
  for (const json& entry : vocab) {
    const auto id = static_cast<uint32_t>(tables.scores.size());
    const auto token = entry.at(0).get<std::string>();
    vocabulary.ids[token] = id;
    vocabulary.set_bytes(id, token);
    tables.scores.push_back(entry.at(1).get<double>());
  }
  if (static_cast<size_t>(tables.unknown_id) >= vocab.size()) {
    throw std::runtime_error("model.unk_id: " + std::to_string(tables.unknown_id) +
                             " is not the number of a token");
  }
  // Of several tokens with the same text the last counts, and the first of these is taken.
  for (uint32_t id = static_cast<uint32_t>(vocab.size()); id-- > 0;) {
    vocabulary.findable.push_back(id);
  }
  return vocabulary;
}

}  // namespace

HfVocabulary read_hf_model(const json& model, TokenizerTables& tables) {
  const std::string type = model_type(model);
  if (type == "BPE") return read_bpe(model, tables);
  if (tables.kind == TokenizerKind::byte_level_bpe) {
    throw unsupported_tokenizer("model " + type + " with pre_tokenizer ByteLevel");
  }
  if (type == "WordPiece") return read_word_piece(model, tables);
  if (type == "Unigram") return read_unigram(model, tables);
  throw unsupported_tokenizer("model " + type);
}

}  // namespace linnet::convert
