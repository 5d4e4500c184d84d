#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/convert/graph.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/weights.h"

namespace linnet::convert {

/// RWKV-7 in one form, whatever its checkpoint calls things. Matrices are [out, in].
struct Rwkv7 {
  struct Affine {
    Weight weight;
    std::optional<Weight> bias;
  };

  /// up(activation(down(x))) + bias
  struct LowRank {
    Weight down;
    Weight up;
    std::optional<Weight> bias;
  };

  struct TimeMix {
    std::vector<Weight> mixes;  ///< for r, w, k, v, a, g
    Weight receptance, key, value, output;
    LowRank decay, rate, gate;
    std::optional<LowRank> value_mix;  ///< not in layer 0, whose values the others mix in
    Weight key_key, key_rate;          ///< k_k, k_a: [keys]
    Weight bonus;                      ///< r_k: [keys]
    Affine norm;
  };

  struct ChannelMix {
    Weight mix;
    Weight key, value;
  };

  struct Layer {
    Affine time_norm, channel_norm;
    TimeMix time;
    ChannelMix channel;
  };

  int32_t heads = 0, key_dim = 0, value_dim = 0;
  float epsilon = 1e-5f;        ///< of the layer norms
  float head_epsilon = 64e-5f;  ///< of the norm of every head's output
  Norm unit_key = {schema::NormKind::l2_clamped, 1,
                   1e-12f};  ///< makes the removal key a unit vector
  schema::Activation channel_activation = schema::Activation::squared_relu;

  Weight embedding;
  std::optional<Affine> embedding_norm;
  std::vector<Layer> layers;
  Affine norm;
  std::optional<Weight> head;  ///< absent: the embedding's table
};

/// The names of the six streams that the token shift makes, in the order of TimeMix::mixes.
inline const std::vector<std::string> kRwkv7Streams = {"r", "w", "k", "v", "a", "g"};

Graph build_rwkv7(const Rwkv7& model);

}  // namespace linnet::convert
