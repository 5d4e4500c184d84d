#pragma once

#include <cstdint>
#include <linnet/linnet.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/linnet/process_memory.h"

namespace linnet::cli {

/// Planned memory of a session for one size of chunk.
struct PlannedSession {
  uint32_t chunk = 0;
  linnet_memory memory = {};
};

/// Planned and measured memory of this process with the model and one session open. Measured
/// figures are empty where the system does not tell.
struct MemoryRegions {
  linnet_memory planned = {};
  uint64_t file_bytes = 0;
  uint64_t packed_bytes = 0;
  std::optional<MappedFile> file;   ///< how the file is mapped
  std::optional<uint64_t> packed;   ///< private pages that opening the model mapped
  std::optional<uint64_t> session;  ///< pages in use of the session's block after a run
  std::optional<int64_t> other;     ///< what else model and session added to private memory
};

/// Opens `path` into `model`, then a session in a block of ours, runs one full chunk, and counts.
MemoryRegions measure_memory(const std::string& path, const linnet_session_options& options,
                             Model* model);

/// The plan for chunks of 1, 64, 128 and 256 tokens, the last being the default.
std::vector<PlannedSession> plan_sessions(const Model& model, linnet_session_options options);

}  // namespace linnet::cli
