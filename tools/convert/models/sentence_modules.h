#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

// What sentence-transformers (Reimers and Gurevych 2019, arXiv:1908.10084) puts after an encoder,
// as the files beside its checkpoint say: modules.json and a folder for every module.
namespace linnet::convert {

/// activation(x W^T + bias).
struct SentenceDense {
  Affine dense;
  schema::Activation activation = schema::Activation::none;
};

/// x / |x|.
struct SentenceNormalize {};

struct SentenceModules {
  std::vector<schema::PoolKind> pools;  ///< the results side by side
  std::vector<std::variant<SentenceDense, SentenceNormalize>> rest;
};

/// Whether modules.json is there.
bool has_sentence_modules(const Source& source);

/// For an encoder of `width`. Without modules.json the mean of the tokens, as sentence-transformers
/// has it then. Throws std::runtime_error naming the file and the module or option that is not
/// known.
SentenceModules read_sentence_modules(const Source& source, int32_t width);

/// The most tokens of a text that count, special ones included: max_seq_length of
/// sentence_bert_config.json.
std::optional<int32_t> read_sentence_length(const Source& source);

/// [B, width of the embedding], of tokens [T, width].
Value sentence_embedding(GraphBuilder& g, const SentenceModules& modules, Value tokens);

}  // namespace linnet::convert
