// Marian (Junczys-Dowmunt et al. 2018, arXiv:1804.00344), the translation models of Helsinki-NLP,
// as transformers stores them. transformers ignores what older configs say of norms
// (normalize_before, normalize_embedding, add_final_layer_norm): a Marian model is post-norm.

#include "tools/convert/models/bart_like.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"marian"};
constexpr const char* kArchitectures[] = {"MarianMTModel", "MarianModel"};

}  // namespace

template <>
bool recognizes<struct MarianFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct MarianFamily>(const Source& source) {
  const Config& config = *source.config;
  BartLikeOptions options = read_bart_like(source);
  options.encoder.vocabulary = config.size("vocab_size", 58101);
  options.shared_embeddings = config.flag("share_encoder_decoder_embeddings", true);
  options.decoder.vocabulary = options.shared_embeddings
                                   ? options.encoder.vocabulary
                                   : config.size("decoder_vocab_size", options.encoder.vocabulary);
  return build_bart_like(source, options, [&](WeightReader& weights, const std::string& side) {
    return marian_positions(config, options, weights, side);
  });
}

}  // namespace linnet::convert
