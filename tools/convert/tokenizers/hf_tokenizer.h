#pragma once

#include <string>
#include <string_view>

#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::convert {

/// Reads a tokenizer.json of Hugging Face's tokenizers, or a folder that has one or, in the older
/// style, what old_style.h says. Throws std::runtime_error with a message that names the file and
/// what in it is damaged or not supported.
TokenizerTables read_hf_tokenizer(const std::string& path);

/// The same for the content of a tokenizer.json; `name` is what messages call it.
TokenizerTables parse_hf_tokenizer(std::string_view text, const std::string& name);

/// True for a folder that read_hf_tokenizer can try.
bool has_hf_tokenizer(const std::string& folder);

}  // namespace linnet::convert
