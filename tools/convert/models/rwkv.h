#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/convert/graph.h"
#include "tools/convert/graph_builder.h"
#include "tools/convert/weights.h"

namespace linnet::convert {

/// RWKV-4, 5 and 6 but for their time mixing, whatever a checkpoint calls things. Matrices are
/// [out, in]; mixes are the share of the token before, as TokenShift takes them.
struct RwkvModel {
  struct Affine {
    Weight weight;
    std::optional<Weight> bias;
  };

  struct ChannelMix {
    Weight key_mix, receptance_mix;
    Weight key, value, receptance;
  };

  struct Layer {
    Affine time_norm, channel_norm;
    ChannelMix channel;
  };

  Weight embedding;
  std::optional<Affine> embedding_norm;
  std::vector<Layer> layers;
  Affine norm;
  std::optional<Weight> head;  ///< absent: the embedding's table
  float epsilon = 1e-5f;       ///< of the layer norms
  float norm_epsilon = 1e-5f;  ///< of the last one
  schema::Activation channel_activation = schema::Activation::squared_relu;
  int32_t halve_every = 0;  ///< the stream is halved after every so many layers; 0: never
};

/// Makes layer `layer`'s time mixing of x.
using RwkvTimeMix = std::function<Value(GraphBuilder& g, size_t layer, Value x)>;

Graph build_rwkv(const RwkvModel& model, const RwkvTimeMix& time_mix);

/// 1 - m: the share of the token before, where m is stored, the share of this one.
Weight share_of_previous(Weight stored);

/// BlinkDL's names for all of RwkvModel. `mix` is what those of the mixes begin with: "time_mix_",
/// which are stored as the share of this token, or "time_maa_", of the one before.
RwkvModel read_rwkv_pth(WeightReader& weights, const std::string& mix);

/// The epsilon of the norm of every head's output in BlinkDL's RWKV-5 and 6: 64e-5, unless a
/// config.json beside the file says otherwise, since the file itself does not say.
float rwkv_head_epsilon(const std::optional<class Config>& config);

}  // namespace linnet::convert
