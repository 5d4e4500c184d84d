#pragma once

#include <cstdint>
#include <string>

#include "tools/convert/writer.h"

namespace linnet::convert {

inline constexpr const char* kConverterVersion = "0.1.0";

struct ConvertOptions {
  std::string checkpoint;       ///< a folder, or a weight file in one
  std::string output;           ///< the .linnet file
  std::string weights = "f32";  ///< as weight_format names them
  std::string vocabulary;  ///< a tokenizer.json or RWKV vocabulary; empty: as the folder has it
  Progress progress = {};
};

struct ConvertReport {
  std::string name;
  std::string architecture;
  std::string tokenizer;  ///< where it came from; empty: the model has none
  uint64_t parameters = 0;
  uint64_t source_bytes = 0;
  uint64_t file_bytes = 0;
};

/// Converts a checkpoint to a .linnet file. The tokenizer is, in this order: `vocabulary`, the
/// folder's tokenizer.json, its rwkv_vocab_*.txt, and raw bytes for an RWKV .pth file with a
/// vocabulary of 256. Throws std::runtime_error with a message that names the file or tensor at
/// fault; no output is left then.
ConvertReport convert(const ConvertOptions& options);

}  // namespace linnet::convert
