#pragma once

#include <cstdint>
#include <string>

#include "tools/convert/graph.h"

namespace linnet::convert {

/// The types that `--weights` names.
enum class WeightFormat : uint8_t { f32, f16, int8, int4 };

/// Throws std::runtime_error that lists the formats there are.
WeightFormat weight_format(const std::string& name);
const char* weight_format_name(WeightFormat format);

/// Which type a weight of `role` is stored in, where its shape allows.
schema::DataType stored_as(WeightFormat format, WeightRole role);

/// Gives the graph's weights their stored types: to every int8 or int4 weight a tensor of scales,
/// and to the operators that multiply by one the Quantize operator that makes their input, one per
/// input.
void quantize_weights(Graph& graph, WeightFormat format);

}  // namespace linnet::convert
