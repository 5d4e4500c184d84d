#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/kinds.h"
#include "runtime/base/status.h"
#include "runtime/model/matrix_packer.h"

namespace linnet {

/// A hash of what small known matrices of this type and block become when they are packed: where it
/// is the same, one reads what the other packed, be they machines or targets.
Status packed_layout(const MatrixPacker& packer, DataType type, size_t block, uint64_t* out);

}  // namespace linnet
