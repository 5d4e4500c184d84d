#pragma once

#include <vector>

#include "tools/convert/models/config.h"

namespace linnet::convert {

/// How far each pair of channels turns per position, and what multiplies the turned channels.
struct RotaryFrequencies {
  std::vector<float> frequencies;
  float scale = 1;

  uint32_t dimensions() const { return static_cast<uint32_t>(2 * frequencies.size()); }
};

/// Reads `rope_parameters`, or `rope_scaling`, rope_theta and partial_rotary_factor as older
/// configs have them. Knows the types default, linear, llama3 and yarn.
RotaryFrequencies rotary_frequencies(const Config& config, int32_t head_dim,
                                     double default_partial_rotary_factor,
                                     double default_theta = 10000);

/// The same with the parameters in an object of their own, where layers differ in them.
RotaryFrequencies rotary_frequencies(const Config& config, const Config& parameters,
                                     int32_t head_dim, double default_partial_rotary_factor,
                                     double default_theta);

}  // namespace linnet::convert
