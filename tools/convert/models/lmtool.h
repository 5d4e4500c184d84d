#pragma once

#include <cstdint>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/config.h"
#include "tools/convert/weights.h"

// What the language models of IDSIA/lmtool-fwp have in common, whose code is Transformer-XL's
// (kimiyoung/transformer-xl) but for the attention. Those programs pickle whole modules; what is
// read here is their state_dict, with the options they were made with in a config.json.
namespace linnet::convert {

struct LmtoolOptions {
  int32_t vocabulary = 0, width = 0, layers = 0, feed_forward = 0;
  int32_t heads = 0, head_dim = 0;
  int32_t values = 0;  ///< of all heads
  bool pre_norm = false;
  bool tied = false;
};

/// Throws std::runtime_error naming the entry that is missing, or that nothing here implements.
LmtoolOptions read_lmtool_options(const Config& config);

/// The token table, perhaps the head's as well.
Value lmtool_table(GraphBuilder& g, WeightReader& weights, const LmtoolOptions& options);

/// sqrt(width) times the token's row of the table.
Value lmtool_embedding(GraphBuilder& g, Value tokens, Value table, const LmtoolOptions& options);

/// relu(x W_0 + b_0) W_3 + b_3 of tensors `at`.CoreNet.
Value lmtool_feed_forward(GraphBuilder& g, WeightReader& weights, const std::string& at, Value x,
                          const LmtoolOptions& options);

/// The logits of the last tokens.
Value lmtool_head(GraphBuilder& g, WeightReader& weights, Value x, Value table,
                  const LmtoolOptions& options);

}  // namespace linnet::convert
