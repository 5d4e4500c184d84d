#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"

// LLaMA's layer, which other decoders share but for a few options.
namespace linnet::convert {

struct LlamaOptions {
  int32_t vocabulary = 0, width = 0, feed_forward = 0, positions = 0;
  AttentionHeads heads;
  schema::Activation activation = schema::Activation::silu;
  float epsilon = 0;
  RotaryFrequencies rotary;
  bool query_bias = false;  ///< also of keys and values
  bool output_bias = false;
  bool mlp_bias = false;
  bool norms_queries = false;  ///< RMSNorm of each head's query and key
  bool tied = false;
  std::vector<int32_t> windows;  ///< of each layer, as in AttentionInputs
};

/// What a config.json leaves out.
struct LlamaDefaults {
  int32_t vocabulary, width, feed_forward, layers, heads;
  std::optional<int32_t> key_value_heads;
  int32_t positions;
  std::optional<int32_t> head_dim = {};  ///< by default width / heads
};

/// The options that all of them spell alike; no biases, and no window in any layer.
LlamaOptions read_llama_options(const Config& config, const LlamaDefaults& defaults);

/// Per layer y = x + attention(norm(x)), y + mlp(norm(y)), with gated feed-forward parts, RMSNorm
/// and rotary positions (Touvron et al. 2023, arXiv:2302.13971).
Graph build_llama(const Source& source, const LlamaOptions& options);

}  // namespace linnet::convert
