#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/linnet/model_file.h"

namespace linnet::cli {

/// Token ids that a bare model knows are below this.
inline constexpr uint32_t bare_tokens = 16;

/// Memory as linnet_model_borrow wants it.
struct alignas(64) FileLine {
  std::array<std::byte, 64> bytes;
};

/// A .linnet file in memory that holds nothing but the matrix products of another: every Linear of
/// its decode entry point, in its order, shape and type, and every Quantize, over random values.
/// Their inputs come from a small Embedding for every width, and the vocabulary head's through a
/// LastRows.
///
/// The matrices overlap in this file, each 64 bytes after the one before, so that it is not much
/// larger than the largest of them; the runtime packs each by itself all the same.
/// Throws std::runtime_error for a graph without a Linear that makes logits.
std::vector<FileLine> bare_model(const ModelFile& file);

}  // namespace linnet::cli
