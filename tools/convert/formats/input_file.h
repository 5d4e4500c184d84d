#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace linnet::convert {

/// Throws std::runtime_error "<path>: <why>".
[[noreturn]] void fail_file(const std::string& path, const std::string& why);

/// The most bytes that a reader asks of a file at once when it streams.
inline constexpr size_t kReadPiece = size_t{1} << 20;

/// A regular file open for reading at any offset; threads may share it.
/// Failures throw std::runtime_error with the path in the message.
class InputFile {
 public:
  explicit InputFile(std::string path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  ///< when it was opened

  /// Fills `out` from `offset`; throws where the file ends before.
  void read_at(uint64_t offset, std::span<std::byte> out) const;

  /// The `size` bytes at `offset`, which must lie in the file: nothing is allocated otherwise.
  std::string read_text(uint64_t offset, uint64_t size) const;

 private:
  void require(uint64_t offset, uint64_t size) const;

  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace linnet::convert
