// Pegasus (Zhang et al. 2020, arXiv:1912.08777) and M2M-100 (Fan et al. 2020, arXiv:2010.11125),
// which NLLB shares: norms before the sublayers, positions of sinusoids.

#include <cmath>

#include "tools/convert/models/bart_like.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"pegasus"};
constexpr const char* kArchitectures[] = {"PegasusForConditionalGeneration"};
constexpr const char* kManyToManyTypes[] = {"m2m_100"};
constexpr const char* kManyToManyArchitectures[] = {"M2M100ForConditionalGeneration"};

BartLikeOptions read_pre_norm(const Source& source) {
  BartLikeOptions options = read_bart_like(source);
  options.final_norm = true;
  options.encoder.residuals.placement = NormPlacement::pre;
  options.decoder.residuals.placement = NormPlacement::pre;
  return options;
}

}  // namespace

template <>
bool recognizes<struct PegasusFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct PegasusFamily>(const Source& source) {
  const BartLikeOptions options = read_pre_norm(source);
  return build_bart_like(source, options, [&](WeightReader& weights, const std::string& side) {
    return marian_positions(*source.config, options, weights, side);
  });
}

template <>
bool recognizes<struct M2M100Family>(const Source& source) {
  return config_says(source, kManyToManyTypes, kManyToManyArchitectures);
}

template <>
Graph build<struct M2M100Family>(const Source& source) {
  const Config& config = *source.config;
  BartLikeOptions options = read_pre_norm(source);
  options.encoder.vocabulary = config.size("vocab_size", 128112);
  options.decoder.vocabulary = options.encoder.vocabulary;
  options.activation = read_activation(config, "activation_function", "relu");
  const bool scaled = config.flag("scale_embedding", true);
  options.embedding_scale = scaled ? std::sqrt(options.width) : 1;
  return build_bart_like(source, options, [&](WeightReader&, const std::string&) {
    return fairseq_positions(config.size("max_position_embeddings", 1024), options.width,
                             read_id(config, "pad_token_id", 1, options.decoder.vocabulary));
  });
}

}  // namespace linnet::convert
