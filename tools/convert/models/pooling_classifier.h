#pragma once

#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/config.h"

namespace linnet::convert {

/// fastai's classifier: blocks of batch norm and a linear layer, with ReLU after all but the last,
/// under the names `at`N.0.… (fastai 2, where a block is a module) or `at`N.… (fastai 1, where its
/// parts are numbered on). In evaluation a batch norm is a scale and a shift for each input; both
/// go into the linear layer behind it. lin_ftrs in `config`, where it is there, must be the widths
/// between.
Value pooling_classifier(const Checkpoint& checkpoint, WeightReader& weights, const std::string& at,
                         double epsilon, GraphBuilder& g, Value x, const Config& config);

}  // namespace linnet::convert
