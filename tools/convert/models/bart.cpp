// BART (Lewis et al. 2020, arXiv:1910.13461) and mBART (Liu et al. 2020, arXiv:2001.08210), whose
// norms stand before the sublayers, as transformers stores them.

#include "tools/convert/models/bart_like.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"bart"};
constexpr const char* kArchitectures[] = {"BartForConditionalGeneration", "BartModel"};
constexpr const char* kMultilingualTypes[] = {"mbart"};
constexpr const char* kMultilingualArchitectures[] = {"MBartForConditionalGeneration",
                                                      "MBartModel"};

Graph build_with_learned_positions(const Source& source, const BartLikeOptions& options) {
  return build_bart_like(source, options, [&](WeightReader& weights, const std::string& side) {
    return learned_positions(*source.config, options, weights, side);
  });
}

}  // namespace

template <>
bool recognizes<struct BartFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct BartFamily>(const Source& source) {
  BartLikeOptions options = read_bart_like(source);
  options.embedding_norm = true;
  return build_with_learned_positions(source, options);
}

template <>
bool recognizes<struct MBartFamily>(const Source& source) {
  return config_says(source, kMultilingualTypes, kMultilingualArchitectures);
}

template <>
Graph build<struct MBartFamily>(const Source& source) {
  BartLikeOptions options = read_bart_like(source);
  options.embedding_norm = true;
  options.final_norm = true;
  options.encoder.residuals.placement = NormPlacement::pre;
  options.decoder.residuals.placement = NormPlacement::pre;
  return build_with_learned_positions(source, options);
}

}  // namespace linnet::convert
