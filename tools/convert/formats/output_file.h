#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace linnet::convert {

/// A file that appears whole or not at all: bytes go to a partial file beside it, which commit()
/// renames into place, replacing what was there, and which the destructor removes otherwise.
/// Failures throw std::runtime_error with the path and the system's reason.
///
/// Bytes reach the system in large blocks. Linux keeps such a block in its cache as huge pages
/// where the file system can (ext4 since 6.16, XFS, Btrfs), and who maps the file then faults once
/// per 2 MiB.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// Where the next write() goes.
  uint64_t position() const { return position_; }

  void write(std::span<const std::byte> bytes);

  /// Writes zeros until the position is a multiple of `alignment`.
  void pad_to(uint64_t alignment);

  /// Puts the file in place, once it is safely on disk. Nothing may be written after.
  void commit();

 private:
  [[noreturn]] void fail(const std::string& action);
  void write_block();

  std::string path_;
  std::string partial_path_;
  int descriptor_ = -1;
  uint64_t position_ = 0;
  std::vector<std::byte> block_;  // what is not yet written
};

}  // namespace linnet::convert
