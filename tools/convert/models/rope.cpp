#include "tools/convert/models/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace linnet::convert {
namespace {

/// Where the parameters are: in one object, or some of them beside it.
struct RopeConfig {
  const Config& outer;
  Config inner;

  double number(const std::string& key, std::optional<double> fallback = {}) const {
    if (!inner.has(key) && outer.has(key)) return outer.number(key);
    return inner.number(key, fallback);
  }
};

Config parameters(const Config& config) {
  return config.object(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
}

double original_context(const RopeConfig& rope) {
  if (rope.outer.has("original_max_position_embeddings")) {
    return rope.outer.number("original_max_position_embeddings");
  }
  const double context = rope.outer.number("max_position_embeddings", 32768);
  return rope.inner.number("original_max_position_embeddings", context);
}

/// Llama 3.1: long waves are stretched, short ones kept, those between interpolated.
void scale_llama3(const RopeConfig& rope, std::vector<double>& frequencies) {
  const double factor = rope.inner.number("factor");
  const double low = rope.inner.number("low_freq_factor");
  const double high = rope.inner.number("high_freq_factor");
  const double context = original_context(rope);
  for (double& frequency : frequencies) {
    const double turns = context * frequency / (2 * std::numbers::pi);
    if (turns < low) {
      frequency /= factor;
    } else if (turns <= high) {
      const double smooth = (turns - low) / (high - low);
      frequency *= (1 - smooth) / factor + smooth;
    }
  }
}

double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

/// YaRN (Peng et al. 2023, arXiv:2309.00071): as above, by the number of turns within the context
/// that the model was trained for; returns the factor of the turned channels.
double scale_yarn(const RopeConfig& rope, double base, std::vector<double>& frequencies) {
  const double context = original_context(rope);
  const double factor =
      rope.inner.number("factor", rope.outer.number("max_position_embeddings", context) / context);
  const auto dimensions = static_cast<double>(2 * frequencies.size());
  const auto dimension_of = [&](double turns) {
    return dimensions * std::log(context / (turns * 2 * std::numbers::pi)) / (2 * std::log(base));
  };
  double low = dimension_of(rope.inner.number("beta_fast", 32));
  double high = dimension_of(rope.inner.number("beta_slow", 1));
  if (rope.inner.flag("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dimensions - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= ramp / factor + (1 - ramp);
  }
  const double mscale = rope.inner.number("mscale", 0);
  const double mscale_all = rope.inner.number("mscale_all_dim", 0);
  const double inferred = mscale != 0 && mscale_all != 0
                              ? yarn_scale(factor, mscale) / yarn_scale(factor, mscale_all)
                              : yarn_scale(factor, 1);
  return rope.inner.number("attention_factor", inferred);
}

}  // namespace

RotaryFrequencies rotary_frequencies(const Config& config, int32_t head_dim,
                                     double default_partial_rotary_factor, double default_theta) {
  return rotary_frequencies(config, parameters(config), head_dim, default_partial_rotary_factor,
                            default_theta);
}

RotaryFrequencies rotary_frequencies(const Config& config, const Config& parameters,
                                     int32_t head_dim, double default_partial_rotary_factor,
                                     double default_theta) {
  const RopeConfig rope{config, parameters};
  const double base = rope.number("rope_theta", default_theta);
  const double part = rope.number("partial_rotary_factor", default_partial_rotary_factor);
  const int dimensions = static_cast<int>(head_dim * part);
  if (!(base > 0)) rope.inner.fail("rope_theta", "above 0");
  if (!(part > 0 && part <= 1) || dimensions < 2 || dimensions % 2 != 0) {
    rope.inner.fail("partial_rotary_factor",
                    "an even part of " + std::to_string(head_dim) + " channels");
  }

  std::vector<double> frequencies;
  for (int i = 0; i < dimensions; i += 2) {
    frequencies.push_back(std::pow(base, -static_cast<double>(i) / dimensions));
  }

  double scale = 1;
  const std::string type = rope.inner.text("rope_type", rope.inner.text("type", "default"));
  if (type == "linear") {
    for (double& frequency : frequencies) frequency /= rope.inner.number("factor");
  } else if (type == "llama3") {
    scale_llama3(rope, frequencies);
  } else if (type == "yarn") {
    scale = scale_yarn(rope, base, frequencies);
  } else if (type != "default" && type != "mrope") {
    rope.inner.fail("rope_type", "'default', 'linear', 'llama3' or 'yarn'");
  }
  return {{frequencies.begin(), frequencies.end()}, static_cast<float>(scale)};
}

}  // namespace linnet::convert
