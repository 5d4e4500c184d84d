#pragma once

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/input_file.h"

namespace linnet::convert {

/// Lists the tensors of a zip file that torch.save wrote (torch 1.6 and later), named as
/// read_pickled_tensors says, and checks that each lies in its storage. StoredTensor::file is 0.
StoredTensors read_torch_zip(const InputFile& file);

}  // namespace linnet::convert
