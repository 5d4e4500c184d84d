#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/convert/models/rwkv.h"

namespace linnet::convert {

/// RWKV-6's time mixing in one form, whatever its checkpoint calls things. Matrices are [out, in].
struct Rwkv6TimeMix {
  /// up(tanh(down(x))) + bias
  struct LowRank {
    Weight down, up, bias;
  };

  /// One of r, w, k, v, g: its share of the token before, which depends on both tokens.
  struct Stream {
    int32_t part = 0;  ///< of `down`, a fifth of whose rows are the stream's own
    Weight up;         ///< [width, rank]
    Weight bias;       ///< [width]
  };

  Weight mix;                   ///< of the low-rank path's input
  Weight down;                  ///< [5 rank, width]
  std::vector<Stream> streams;  ///< in the order of kRwkv6Streams
  Weight receptance, key, value, gate, output;
  LowRank decay;
  Weight bonus;  ///< [keys]
  RwkvModel::Affine norm;
};

inline const std::vector<std::string> kRwkv6Streams = {"r", "w", "k", "v", "g"};

struct Rwkv6 {
  RwkvModel model;
  std::vector<Rwkv6TimeMix> time;
  int32_t heads = 0, key_dim = 0, value_dim = 0;
  float head_epsilon = 64e-5f;
};

Graph build_rwkv6(const Rwkv6& model);

}  // namespace linnet::convert
