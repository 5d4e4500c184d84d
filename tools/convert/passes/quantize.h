#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tools/convert/graph.h"

namespace linnet::convert {

/// The types that `--weights` names.
enum class WeightFormat : uint8_t { f32, int8 };

/// Throws std::runtime_error that lists the formats there are.
WeightFormat weight_format(const std::string& name);
const char* weight_format_name(WeightFormat format);

/// Which type a weight of `role` is stored in.
schema::DataType stored_as(WeightFormat format, WeightRole role);

/// Gives the graph's weights their stored types: to every int8 weight a tensor of scales, and to
/// the Linear operators that read one the Quantize operator that makes their input, one per input.
void quantize_weights(Graph& graph, WeightFormat format);

/// One row, symmetric: values are nearest(row / scale), ties to even, and scale = max |row| / 127.
/// Returns the scale; a row of zeros has scale 1. False if a value is not finite.
bool quantize_row(std::span<const float> row, std::span<int8_t> values, float& scale);

}  // namespace linnet::convert
