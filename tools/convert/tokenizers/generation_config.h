#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::convert {

/// When a beam search stops; see schema/linnet.fbs.
enum class Stopping : uint8_t { likely, first, exact };

/// How an encoder-decoder's authors want its text to be searched for; see schema/linnet.fbs.
struct SearchDefaults {
  int32_t start_id = -1;                 ///< -1: the files do not say
  int32_t forced_first_id = -1;          ///< -1: none
  int32_t forced_last_id = -1;           ///< -1: none
  std::vector<uint32_t> suppressed_ids;  ///< padding, and what else may not be written
  uint32_t beams = 1;
  float length_penalty = 1;
  Stopping stopping = Stopping::likely;
  uint32_t max_tokens = 0;  ///< 0: the files do not say
  uint32_t min_tokens = 0;
  uint32_t no_repeat = 0;
};

/// How a model's authors want text to be generated.
struct GenerationDefaults {
  std::vector<uint32_t> end_ids;  ///< any of these ends the text
  float temperature = 0;          ///< 0: greedy
  uint32_t top_k = 0;             ///< 0: all
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
  SearchDefaults search = {};
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
