#pragma once

#include "runtime/base/status.h"
#include "runtime/model/graph.h"

namespace linnet {

/// The same failure with the operator's name before it: "layers.3.mlp: …".
inline Status name_operator(const Status& status, const Operator& op) {
  return status.within("%.*s: ", static_cast<int>(op.name.size()), op.name.data());
}

}  // namespace linnet
