#pragma once

#include <cstdint>
#include <vector>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/input_file.h"

namespace linnet::convert {

/// A dimension of an array that is read from a file into memory.
struct Axis {
  uint64_t size = 0;           ///< at least 1
  uint64_t source_stride = 0;  ///< in bytes of the file
  uint64_t target_stride = 0;  ///< in elements of the memory
};

/// Whether read_strided turns elements of `type` into `Out`: floating-point types into float,
/// integer and boolean ones into int64_t.
template <typename Out>
bool reads_as(StoredType type);

/// Reads the elements of an array whose first one lies at byte `offset`, in the order of the file
/// and through a small window, whatever the order of the axes. reads_as<Out>(type) must hold.
template <typename Out>
void read_strided(const InputFile& file, StoredType type, uint64_t offset, std::vector<Axis> axes,
                  Out* out);

}  // namespace linnet::convert
