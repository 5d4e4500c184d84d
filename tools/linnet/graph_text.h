#pragma once

#include <string>
#include <vector>

#include "tools/linnet/model_file.h"

namespace linnet::cli {

/// An operator for people: "mlp.down", "Linear silu", "[T, 64] int8[128, 64] -> [T, 128]".
struct OperatorText {
  std::string layer;  ///< "layers.3" for an operator of a numbered layer, or empty
  std::string name;   ///< without the layer
  std::string kind;   ///< with its attributes
  std::string flow;   ///< what goes in and what comes out

  friend bool operator==(const OperatorText&, const OperatorText&) = default;
};

/// The operators of an entry point in the order of execution.
std::vector<OperatorText> describe_operators(const ModelFile& file,
                                             const schema::EntryPoint& entry);

/// Operators that stand together, once for all layers that are the same.
struct GraphBlock {
  std::string title;    ///< "layers 0..2", or empty outside of layers
  std::string same_as;  ///< the title of an earlier block that has the same operators, or empty
  std::vector<OperatorText> operators;
};

/// Folds a list of operators: equal layers that follow each other become one block.
std::vector<GraphBlock> fold_layers(const std::vector<OperatorText>& operators);

}  // namespace linnet::cli
