#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace linnet::convert {

/// True for a folder with a tokenizer in the form from before tokenizer.json: GPT-2's vocab.json
/// and merges.txt, or BERT's vocab.txt.
bool has_old_style_tokenizer(const std::string& folder);

/// What such a folder would have as its tokenizer.json: what GPT-2's and BERT's own code does
/// beyond these files, as tokenizer_config.json, where it is there, sets it. Throws
/// std::runtime_error or an exception of the JSON library.
nlohmann::json read_old_style_tokenizer(const std::string& folder);

}  // namespace linnet::convert
