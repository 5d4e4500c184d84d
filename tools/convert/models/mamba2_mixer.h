#pragma once

#include <limits>
#include <optional>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/decoder_parts.h"

namespace linnet::convert {

/// The mixer of Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), in whatever model it stands: per head
///
///     dt = clamp(softplus(step(x) + dt_bias)),  S_t = exp(-exp(A_log) dt) S_{t-1} + B (dt x)^T,
///     y = S_t^T C + D x
///
/// which is additive fast weights with the key B, the query C and the value dt x. Heads in a group
/// share B and C.
struct Mamba2Mixer {
  enum class Norm { none, before_gate, after_gate };

  int32_t heads = 0, groups = 0, states = 0;
  int32_t inner = 0;  ///< all heads together

  Affine gate;         ///< [inner]
  Affine mixed;        ///< x, B and C, which go through the convolution together
  Affine step;         ///< [heads]; its bias has dt_bias in it
  Weight convolution;  ///< [kernel, inner + 2 * groups * states]
  std::optional<Weight> convolution_bias;
  schema::Activation activation = schema::Activation::silu;
  Weight a_log;  ///< A_log [heads]
  Weight skip;   ///< D [heads], or one value per channel [inner]
  double least_step = 0, largest_step = std::numeric_limits<double>::infinity();

  Norm norm = Norm::none;
  std::optional<Weight> norm_weight;  ///< [inner]
  uint32_t norm_groups = 1;
  float norm_epsilon = 0;
  Affine output;

  int32_t mixed_width() const { return inner + 2 * groups * states; }
};

Value mamba2_mixer(GraphBuilder& g, const Mamba2Mixer& mixer, Value x);

/// How a checkpoint's mixer is to be read.
struct Mamba2Layout {
  int32_t width = 0, kernel = 0;
  bool in_bias = false, convolution_bias = true, out_bias = false;
  bool skip_per_channel = false;
  /// Factors of the mixer's input, of the five parts of the projection and of its output.
  double in = 1, gate = 1, x = 1, b = 1, c = 1, step = 1, out = 1;
};

/// Fills in the weights of a mixer whose sizes are set, from in_proj (gate, x, B, C and step, one
/// below another), conv1d, A_log, D, dt_bias, out_proj and, if it has a norm, norm, all below `at`.
void read_mamba2_weights(WeightReader& weights, const std::string& at, const Mamba2Layout& layout,
                         Mamba2Mixer& mixer);

/// mamba_n_heads, mamba_n_groups, mamba_d_state and time_step_limit for a mixer of `inner` columns;
/// the defaults are those of transformers' hybrid models.
Mamba2Mixer read_mamba2_sizes(const Config& config, int32_t inner);

}  // namespace linnet::convert
