#pragma once

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/input_file.h"

namespace linnet::convert {

/// Reads the header of a safetensors file, checked against the format's rules and the file's size:
/// the tensors fill the rest of the file without a gap or an overlap. StoredTensor::file is 0.
StoredTensors read_safetensors(const InputFile& file);

}  // namespace linnet::convert
