// ResiDual (Xie et al. 2023, arXiv:2304.14802) as microsoft/ResiDual trains it with fairseq: layers
// that are post-norm, beside a sum of all their outputs that is normalised once, at the end.

#include <cmath>
#include <stdexcept>

#include "tools/convert/models/bart_like.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"resi_dual"};

/// Options of fairseq's Transformer that would change the result.
void refuse_others(const Config& config) {
  for (const char* key :
       {"encoder_normalize_before", "decoder_normalize_before", "layernorm_embedding",
        "encoder_learned_pos", "decoder_learned_pos", "no_cross_attention", "cross_self_attention",
        "adaptive_input", "scale_attn", "scale_fc", "scale_heads", "scale_resids",
        "no_token_positional_embeddings", "no_decoder_final_norm", "tie_adaptive_weights"}) {
    if (config.flag(key, false)) config.fail(key, "false");
  }
  if (config.has("adaptive_softmax_cutoff") || config.has("decoder_output_dim")) {
    const char* const key =
        config.has("decoder_output_dim") ? "decoder_output_dim" : "adaptive_softmax_cutoff";
    config.fail(key, "absent");
  }
}

BartLikeSide read_side(const Config& config, const std::string& side, int32_t width) {
  const std::string short_name = side.substr(0, 3);
  const std::string heads_key = side + "_attention_heads";
  BartLikeSide read;
  read.layers = config.size(side + "_layers", 6);
  read.feed_forward =
      config.size(side + "_ffn_embed_dim", config.size("encoder_ffn_embed_dim", 2048));
  read.heads.heads = config.size(heads_key, config.size("encoder_attention_heads", 8));
  read.heads.head_dim =
      read_head_dim(config, "encoder_embed_dim", width, heads_key, read.heads.heads);
  read.heads.scale = 1 / std::sqrt(static_cast<float>(read.heads.head_dim));
  read.vocabulary = config.size("vocab_size");
  read.residuals = {NormPlacement::dual, config.number(short_name + "_res_input_norm_scale", 1),
                    config.number(short_name + "_alpha", 1)};
  return read;
}

}  // namespace

template <>
bool recognizes<struct ResidualTransformerFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct ResidualTransformerFamily>(const Source& source) {
  const Config& config = *source.config;
  refuse_others(config);
  BartLikeOptions options;
  options.width = config.size("encoder_embed_dim", 512);
  if (options.width < 4) config.fail("encoder_embed_dim", "at least 4, for sines and cosines");
  if (config.size("decoder_embed_dim", options.width) != options.width) {
    config.fail("decoder_embed_dim", "encoder_embed_dim");
  }
  options.encoder = read_side(config, "encoder", options.width);
  options.decoder = read_side(config, "decoder", options.width);
  options.activation = read_activation(config, "activation_fn", "relu");
  options.shared_embeddings = config.flag("share_all_embeddings", false);
  options.embedding_scale = config.flag("no_scale_embedding", false) ? 1 : std::sqrt(options.width);
  options.final_norm = true;
  options.norm_epsilon = static_cast<float>(config.number("layer_norm_eps", 1e-5));
  options.final_epsilon = static_cast<float>(config.number("dual_layer_norm_eps", 1e-7));
  options.head = "decoder.output_projection.weight";
  options.tied_head =
      options.shared_embeddings || config.flag("share_decoder_input_output_embed", false);
  const int32_t padding = read_id(config, "padding_idx", 1, options.decoder.vocabulary);
  return build_bart_like(source, options, [&](WeightReader&, const std::string& side) {
    const std::string key = side == "encoder" ? "max_source_positions" : "max_target_positions";
    return fairseq_positions(config.size(key, 1024), options.width, padding);
  });
}

}  // namespace linnet::convert
