#pragma once

#include <linnet/linnet.h>

#include <map>
#include <string>

namespace linnet::soak {

/// Euclidean norms of what a session remembers, one for all tensors that have the same name but for
/// the number of their layer, as "layers.#.linear_attn.memory".
std::map<std::string, double> state_norms(const linnet_session& session);

}  // namespace linnet::soak
