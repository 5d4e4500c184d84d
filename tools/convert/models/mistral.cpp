// Mistral (Jiang et al. 2023, arXiv:2310.06825): LLaMA whose layers see a sliding window.

#include <algorithm>

#include "tools/convert/models/llama.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"mistral"};
constexpr const char* kArchitectures[] = {"MistralForCausalLM"};

}  // namespace

template <>
bool recognizes<struct MistralFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct MistralFamily>(const Source& source) {
  const Config& config = *source.config;
  LlamaOptions options = read_llama_options(config, {.vocabulary = 32000,
                                                     .width = 4096,
                                                     .feed_forward = 14336,
                                                     .layers = 32,
                                                     .heads = 32,
                                                     .key_value_heads = 8,
                                                     .positions = 4096 * 32});
  // null stands for no window, and no entry for one of 4096.
  if (!config.is_null("sliding_window")) {
    std::ranges::fill(options.windows, config.size("sliding_window", 4096));
  }
  return build_llama(source, options);
}

}  // namespace linnet::convert
