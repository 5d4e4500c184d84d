#pragma once

#include <linnet/linnet.hpp>
#include <vector>

#include "tools/linnet/model_file.h"
#include "tools/linnet/timed_runs.h"

namespace linnet::cli {

/// Tokens per second that a model's matrix products alone would allow.
struct BareSpeeds {
  std::vector<Speed> prefill;  ///< one per prompt
  Speed decode;
};

/// Runs the bare model of `file` (see bare_model.h) in the chunks and threads of `options` and adds
/// up the time within Linear and Quantize operators: XNNPACK's, called as a session calls it.
/// Needs as much memory as the packed matrices and the largest plain one. Throws
/// std::runtime_error.
BareSpeeds measure_bare_products(const ModelFile& file, const linnet_session_options& options,
                                 const std::vector<size_t>& prompts, size_t decode_tokens,
                                 size_t repeats);

}  // namespace linnet::cli
