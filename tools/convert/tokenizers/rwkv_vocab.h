#pragma once

#include <string>
#include <string_view>

#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::convert {

/// Reads the vocabulary of RWKV World models: a line per token, `id literal length`, where the
/// literal is a string or bytes as Python writes them. Id 0, the end of text, has no line. Throws
/// std::runtime_error with a message that names the file and the line.
TokenizerTables read_rwkv_vocab(const std::string& path);

/// The same for the file's content; `name` is what messages call it.
TokenizerTables parse_rwkv_vocab(std::string_view text, const std::string& name);

}  // namespace linnet::convert
