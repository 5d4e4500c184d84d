#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "tools/convert/tokenizers/generation_config.h"

namespace linnet::convert {

/// What generation_config.json says of beam search, in the words of transformers' GenerationConfig;
/// ids that it leaves out may stand in config.json. Lengths there count the decoder's start, those
/// here don't. Throws std::runtime_error that names the entry.
SearchDefaults read_search_defaults(const nlohmann::json& generation_config,
                                    const nlohmann::json& config,
                                    const std::vector<uint32_t>& end_ids);

}  // namespace linnet::convert
