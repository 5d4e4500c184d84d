#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::convert {

struct TokenizerSearch {
  std::string folder;             ///< of the checkpoint
  std::string given;              ///< a file that the user named, or empty
  uint32_t model_vocabulary = 0;  ///< rows of the token table; no id may lie beyond
  bool bytes_if_256 = false;      ///< the model reads bytes if its vocabulary says so
};

struct FoundTokenizer {
  std::optional<TokenizerTables> tables;
  std::string origin;  ///< the file, or "bytes"; empty if there is none
};

/// The tokenizer of a checkpoint; see ConvertOptions for the order of the search.
FoundTokenizer find_tokenizer(const TokenizerSearch& search);

}  // namespace linnet::convert
