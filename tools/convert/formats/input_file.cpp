#include "tools/convert/formats/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/checked_math.h"

namespace linnet::convert {

void fail_file(const std::string& path, const std::string& why) {
  throw std::runtime_error(path + ": " + why);
}

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_file(path_, std::string("cannot open: ") + std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string why = known ? "is not a regular file" : std::strerror(errno);
    ::close(std::exchange(descriptor_, -1));
    fail_file(path_, why);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::require(uint64_t offset, uint64_t size) const {
  if (range_fits(offset, size, size_)) return;
  fail_file(path_, "expected " + std::to_string(size) + " bytes at offset " +
                       std::to_string(offset) + ", but the file has " + std::to_string(size_));
}

void InputFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  require(offset, out.size());
  while (!out.empty()) {
    const size_t piece = std::min(out.size(), kReadPiece);
    const ssize_t got = ::pread(descriptor_, out.data(), piece, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_file(path_, std::string("cannot read: ") + std::strerror(errno));
    if (got == 0) fail_file(path_, "became shorter while it was being read");
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
}

std::string InputFile::read_text(uint64_t offset, uint64_t size) const {
  require(offset, size);
  std::string text(memory_size(size), '\0');
  read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace linnet::convert
