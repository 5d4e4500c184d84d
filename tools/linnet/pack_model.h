#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace linnet::cli {

struct PackOptions {
  std::string input;                              ///< a .linnet file
  std::string output;                             ///< the .linnet file to write; may be `input`
  std::vector<std::string> targets = {"native"};  ///< native: this machine; or of pack_targets
  bool keep_plain = false;  ///< leaves the plain matrices in, for machines of another layout
  std::function<void(uint64_t done, uint64_t total)> progress = {};  ///< bytes written
};

struct PackReport {
  uint64_t matrices = 0;      ///< packed anew
  uint64_t packed_bytes = 0;  ///< of those
  uint64_t file_bytes = 0;
  std::string processors;  ///< that the file is packed for now
};

/// What a file can be packed for on every machine.
std::vector<std::string> pack_targets();

/// Writes a model's file again with the matrices of its Linear operators in the layouts of the
/// targets' kernels, so that opening it there packs nothing. What else reads a matrix, such as an
/// embedding that shares it, keeps the plain one. Matrix by matrix: memory stays near the largest.
/// Matrices that the file has packed already stay as they are. Throws std::runtime_error that names
/// the file and tensor; no output is left then.
PackReport pack_model(const PackOptions& options);

}  // namespace linnet::cli
