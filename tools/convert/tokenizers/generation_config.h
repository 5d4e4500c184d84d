#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::convert {

/// How a model's authors want text to be generated.
struct GenerationDefaults {
  std::vector<uint32_t> end_ids;  ///< any of these ends the text
  float temperature = 0;          ///< 0: greedy
  uint32_t top_k = 0;             ///< 0: all
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
};

/// Reads generation_config.json and config.json of a folder, where they are. The first is asked
/// first; end ids may also stand in the second, or in its text_config. Without do_sample the text
/// is greedy; with it, what the file leaves out is as in transformers (temperature 1, top_k 50).
/// Throws std::runtime_error with a message that names the file.
GenerationDefaults read_generation_defaults(const std::string& folder);

/// The same for the files' contents, which may be empty.
GenerationDefaults parse_generation_defaults(std::string_view generation_config,
                                             std::string_view config);

}  // namespace linnet::convert
