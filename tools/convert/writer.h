#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/convert/model_header.h"

namespace linnet::convert {

/// Told of every block: bytes done so far, and in all.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

/// Writes `model` to `path`, making its weights a block of rows at a time: memory stays near a few
/// MB whatever the model. The file appears whole or not at all. Returns its size. Throws
/// std::runtime_error naming the tensor or the file.
uint64_t write_model(const Model& model, const std::string& path, const Progress& progress = {});

}  // namespace linnet::convert
