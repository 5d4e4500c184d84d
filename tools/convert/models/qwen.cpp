// Qwen2 (Yang et al. 2024, arXiv:2407.10671): LLaMA with biases of queries, keys and values, and
// windows in some layers. Qwen3 (Yang et al. 2025, arXiv:2505.09388): norms of each head's queries
// and keys instead. The options are those of transformers' modeling_qwen2.py and modeling_qwen3.py.

#include "tools/convert/models/llama.h"

namespace linnet::convert {
namespace {

constexpr const char* kQwen2Types[] = {"qwen2"};
constexpr const char* kQwen2Architectures[] = {"Qwen2ForCausalLM"};
constexpr const char* kQwen3Types[] = {"qwen3"};
constexpr const char* kQwen3Architectures[] = {"Qwen3ForCausalLM"};

constexpr LlamaDefaults kDefaults = {.vocabulary = 151936,
                                     .width = 4096,
                                     .feed_forward = 22016,
                                     .layers = 32,
                                     .heads = 32,
                                     .key_value_heads = 32,
                                     .positions = 32768};

/// layer_types or, without, all layers from max_window_layers on; both only if use_sliding_window.
std::vector<int32_t> read_windows(const Config& config, size_t layers) {
  const bool has_window =
      config.flag("use_sliding_window", false) && !config.is_null("sliding_window");
  std::vector<std::string> by_number;
  by_number.reserve(layers);
  const double first = config.number("max_window_layers", 28);
  for (size_t i = 0; i < layers; ++i) {
    const bool is_sliding = has_window && static_cast<double>(i) >= first;
    by_number.emplace_back(is_sliding ? "sliding_attention" : "full_attention");
  }
  std::vector<int32_t> windows;
  for (const std::string& type :
       read_layer_types(config, "layer_types", static_cast<int32_t>(layers),
                        {"full_attention", "sliding_attention"}, by_number)) {
    const bool is_sliding = type == "sliding_attention";
    if (is_sliding && !has_window) {
      config.fail("use_sliding_window", "true, and sliding_window a size, as layer_types says");
    }
    windows.push_back(is_sliding ? config.size("sliding_window", 4096) : 0);
  }
  return windows;
}

}  // namespace

template <>
bool recognizes<struct Qwen2Family>(const Source& source) {
  return config_says(source, kQwen2Types, kQwen2Architectures);
}

template <>
Graph build<struct Qwen2Family>(const Source& source) {
  LlamaOptions options = read_llama_options(*source.config, kDefaults);
  options.query_bias = true;
  options.windows = read_windows(*source.config, options.windows.size());
  return build_llama(source, options);
}

template <>
bool recognizes<struct Qwen3Family>(const Source& source) {
  return config_says(source, kQwen3Types, kQwen3Architectures);
}

template <>
Graph build<struct Qwen3Family>(const Source& source) {
  LlamaDefaults defaults = kDefaults;
  defaults.head_dim = 128;
  LlamaOptions options = read_llama_options(*source.config, defaults);
  options.query_bias = source.config->flag("attention_bias", false);
  options.output_bias = options.query_bias;
  options.norms_queries = true;
  options.windows = read_windows(*source.config, options.windows.size());
  return build_llama(source, options);
}

}  // namespace linnet::convert
